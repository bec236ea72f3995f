internal import Dispatch
internal import Drills
internal import Glibc
package import LocalStack
internal import Testing

/// The program itself, as it stands beside the tests.
package enum BatonProgram {
    package struct Run: Sendable {
        package let status: Int32
        package let output: String
        package let errors: String
    }

    /// Runs a line of bash, in which `baton` is the program; `$BATON` to run it in the background.
    package static func run(_ line: String, in files: ConfigurationFixture) async throws -> Run {
        try #require(access(ReplicaProcess.program, X_OK) == 0, "build the product baton first")
        try files.write("", to: "errors")
        let script = """
            export REDISCLI_AUTH=\(LocalPassword.ofThisProcess)
            cd '\(files.folder)' && BATON='\(ReplicaProcess.program)'; baton() { $BATON "$@"; }; set -o pipefail; { \(line) ; } 2>errors
            """
        let (status, output) = try #require(await shell(script))
        let file = try #require(fopen("\(files.folder)/errors", "r"))
        defer { fclose(file) }
        var errors: [UInt8] = []
        while case let byte = fgetc(file), byte >= 0 { errors.append(UInt8(byte)) }
        return Run(
            status: (status >> 8) & 0xFF, output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self))
    }

    /// Starts it with its files as the working directory. Whoever does so ends it.
    package static func start(
        _ arguments: [String], environment: [String: String] = [:], in files: ConfigurationFixture
    ) async throws -> ChildProcess {
        try #require(access(ReplicaProcess.program, X_OK) == 0, "build the product baton first")
        return try await ChildProcess.start(
            ReplicaProcess.program, arguments, environment: environment.mapValues { Optional($0) },
            workingDirectory: files.folder)
    }

    /// Waits on a thread of its own, so that tests which run beside it go on.
    private static func shell(_ script: String) async -> (status: Int32, output: [UInt8])? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let escaped = script.replacing("'", with: "'\\''")
                guard let pipe = popen("bash -c '\(escaped)'", "r") else { return continuation.resume(returning: nil) }
                var output: [UInt8] = []
                while case let byte = fgetc(pipe), byte >= 0 { output.append(UInt8(byte)) }
                continuation.resume(returning: (pclose(pipe), output))
            }
        }
    }
}
