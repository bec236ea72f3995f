internal import Glibc

extension String {
    /// Writes a file of this text.
    func write(to path: String) throws {
        guard let file = fopen(path, "w") else { throw FaultError(description: "cannot write \(path)") }
        defer { fclose(file) }
        guard fputs(self, file) >= 0 else { throw FaultError(description: "cannot write \(path)") }
    }
}
