internal import BatonConfiguration
internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Why the pages can't be served.
package struct ListenError: Error, CustomStringConvertible {
    package enum Reason: Sendable { case inUse, notAllowed, noSuchAddress }

    package let reason: Reason
    /// What is wrong and what to do about it.
    let message: String

    package var description: String { message }

    init(_ address: ListenAddress, _ error: any Error) {
        let (reason, words): (Reason, String) =
            switch (error as? IOError)?.errnoCode {
            case EADDRINUSE: (.inUse, "the port is in use. Stop what listens there, or choose another port")
            case EADDRNOTAVAIL:
                (.noSuchAddress, "this machine has no such address. Use `0.0.0.0` or `[::]` for all that it has")
            case EACCES: (.notAllowed, "this user may not use the port. Choose one above 1023")
            default: (.noSuchAddress, "\(error). Use an address of this machine, such as `0.0.0.0:8080`")
            }
        self.reason = reason
        message = "http.listen: cannot listen on \(address): \(words)."
    }
}
