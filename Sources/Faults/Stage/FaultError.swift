/// What kept a run from going on.
public struct FaultError: Error, CustomStringConvertible {
    public let description: String
}
