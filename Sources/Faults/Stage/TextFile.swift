internal import Glibc

enum TextFile {
    static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else { throw FaultError(description: "cannot write \(path)") }
        defer { fclose(file) }
        guard fputs(text, file) >= 0 else { throw FaultError(description: "cannot write \(path)") }
    }
}
