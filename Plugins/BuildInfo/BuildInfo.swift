import Foundation
import PackagePlugin

/// Tells the program which commit it was built from: `BuildInfo.commit`, twelve digits, `-dirty` behind them if the
/// sources were changed since; `unknown` outside of a git repository, unless the variable `BATON_COMMIT` says it.
///
/// And brings the example's configuration into it, for `baton demo` where there is none: `SampleConfiguration.files`, by name.
///
/// It asks again when git's log of HEAD or a source has changed. The file is written only when the answer differs, so
/// that nothing is compiled in vain.
@main
struct BuildInfo: BuildToolPlugin {
    private static let script = """
        commit=${BATON_COMMIT:-$(git -C "$1" describe --always --dirty --exclude '*' --abbrev=12 2>/dev/null || echo unknown)}
        text="enum BuildInfo { static let commit = \\"$commit\\" }"
        [ "$text" = "$(cat "$2" 2>/dev/null)" ] || printf '%s\\n' "$text" >"$2"
        """

    private static let sampleScript = ##"""
        {
            printf 'enum SampleConfiguration {\nstatic let files = [\n'
            for name in baton datasets; do
                printf '"%s.yaml": #"""\n' "$name"
                cat "$1/config/$name.yaml"
                printf '\n"""#,\n'
            done
            printf ']\n}\n'
        } >"$2"
        """##

    func createBuildCommands(context: PluginContext, target: any Target) -> [Command] {
        let output = context.pluginWorkDirectoryURL.appending(path: "BuildInfo.swift")
        let sample = context.pluginWorkDirectoryURL.appending(path: "SampleConfiguration.swift")
        let configuration = context.package.directoryURL.appending(path: "config")
        let log = context.package.directoryURL.appending(path: ".git/logs/HEAD")
        let sources = context.package.targets.compactMap(\.sourceModule).flatMap { $0.sourceFiles.map(\.url) }
        return [
            .buildCommand(
                displayName: "Asking git for the commit",
                executable: URL(filePath: "/bin/sh"),
                arguments: ["-c", Self.script, "build-info", context.package.directoryURL.path(), output.path()],
                environment: ProcessInfo.processInfo.environment.filter { $0.key == "BATON_COMMIT" },
                // In a worktree there is no such log; the sources must do.
                inputFiles: sources + (FileManager.default.fileExists(atPath: log.path()) ? [log] : []),
                outputFiles: [output]),
            .buildCommand(
                displayName: "Taking the example's configuration in",
                executable: URL(filePath: "/bin/sh"),
                arguments: ["-c", Self.sampleScript, "sample", context.package.directoryURL.path(), sample.path()],
                inputFiles: ["baton.yaml", "datasets.yaml"].map { configuration.appending(path: $0) },
                outputFiles: [sample]),
        ]
    }
}
