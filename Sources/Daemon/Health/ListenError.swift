internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Why the pages can't be served.
struct ListenError: Error, CustomStringConvertible {
    let status: ExitStatus
    /// What is wrong and what to do about it.
    let message: String

    var description: String { message }

    init(_ address: ListenAddress, _ error: any Error) {
        let (status, reason): (ExitStatus, String) =
            switch (error as? IOError)?.errnoCode {
            case EADDRINUSE: (.unavailable, "the port is in use. Stop what listens there, or choose another port")
            case EADDRNOTAVAIL:
                (.configuration, "this machine has no such address. Use `0.0.0.0` or `[::]` for all that it has")
            case EACCES: (.refused, "this user may not use the port. Choose one above 1023")
            default: (.configuration, "\(error). Use an address of this machine, such as `0.0.0.0:8080`")
            }
        self.status = status
        message = "http.listen: cannot listen on \(address): \(reason)."
    }
}
