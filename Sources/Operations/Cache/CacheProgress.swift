/// How far something has got, for people who wait, and whether they have had enough.
package struct CacheProgress: Sendable {
    let tell: @Sendable (_ share: Double, _ text: String) -> Void
    private let isInterrupted: @Sendable () -> Bool

    /// - Parameters:
    ///   - isInterrupted: asked after each page of keys, and while somebody waits for the rate: if so, no more is
    ///     begun.
    ///   - tell: is given the share that is done, from 0 to 1, and what there is to say; after each page of keys.
    package init(
        isInterrupted: @escaping @Sendable () -> Bool = { false },
        _ tell: @escaping @Sendable (_ share: Double, _ text: String) -> Void
    ) {
        self.tell = tell
        self.isInterrupted = isInterrupted
    }

    /// - Throws: ``InspectionError`` if nobody wants to wait any more.
    func goOn() throws(InspectionError) {
        if isInterrupted() { throw InspectionError(.interrupted, "It was interrupted.") }
    }
}
