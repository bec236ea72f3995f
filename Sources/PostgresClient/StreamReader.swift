internal import Synchronization

/// The result of one read of a stream.
struct Portion<Element: Sendable>: Sendable {
    /// `nil` if the read found the end and nothing before it.
    var element: Element?
    /// Whether the statement has ended.
    var isLast: Bool
    /// The error that ended it.
    var failure: PostgresError?
}

/// The part that all streams of a connection share: reading in order, ending once, closing when left early.
final class StreamReader<Element: Sendable>: Sendable {
    private enum State {
        /// The statement goes on at the server; something read already may be waiting. Exits: ending, over.
        case open(ready: Element?)
        /// The statement has ended, and something is yet to be handed out, an error perhaps. Exit: over.
        case ending(ready: Element?, PostgresError?)
        /// Everything was handed out, or the connection is gone. No exit.
        case over
    }

    private enum Move {
        case hand(Element)
        case fail(PostgresError)
        case end
        case read
    }

    private let connection: PostgresConnection
    private let state: Mutex<State>
    private let read: @Sendable (Session) throws(PostgresError) -> Portion<Element>

    /// - Parameters:
    ///   - first: What was read already.
    ///   - read: Reads on; runs on the connection's thread.
    init(
        connection: PostgresConnection,
        first: Portion<Element>,
        read: @escaping @Sendable (Session) throws(PostgresError) -> Portion<Element>
    ) {
        self.connection = connection
        self.read = read
        state = Mutex(first.isLast ? .ending(ready: first.element, first.failure) : .open(ready: first.element))
    }

    deinit {
        if case .open = state.withLock({ $0 }) { connection.leaveStream() }
    }

    func next() async throws(PostgresError) -> Element? {
        while true {
            switch state.withLock({ Self.advance(&$0) }) {
            case .hand(let element): return element
            case .fail(let error): throw error
            case .end: return nil
            case .read: try await readOn()
            }
        }
    }

    private static func advance(_ state: inout State) -> Move {
        switch state {
        case .open(let ready?):
            state = .open(ready: nil)
            return .hand(ready)
        case .open(nil):
            return .read
        case .ending(let ready?, let failure):
            state = .ending(ready: nil, failure)
            return .hand(ready)
        case .ending(nil, let failure):
            state = .over
            return failure.map(Move.fail) ?? .end
        case .over:
            return .end
        }
    }

    private func readOn() async throws(PostgresError) {
        let read = read
        do throws(PostgresError) {
            let portion = try await connection.perform(from: .streaming) { (session) throws(PostgresError) in
                PostgresConnection.Step(portion: try read(session))
            }
            state.withLock {
                $0 =
                    portion.isLast
                    ? .ending(ready: portion.element, portion.failure) : .open(ready: portion.element)
            }
        } catch {
            // A call that was refused leaves the stream as it was; one that failed has closed the connection.
            if !connection.isUsable { state.withLock { $0 = .over } }
            throw error
        }
    }
}

extension PostgresConnection.Step {
    /// The connection stays with the stream until its last portion.
    init<Element>(portion: Portion<Element>) where Value == Portion<Element> {
        self.init(portion, then: portion.isLast ? .free : .streaming, failure: portion.failure)
    }
}
