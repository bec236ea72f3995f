/// The reason why a run could not go on.
public struct FaultError: Error, CustomStringConvertible {
    public let description: String
}
