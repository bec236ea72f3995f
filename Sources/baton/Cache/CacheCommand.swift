internal import ArgumentParser

/// `baton cache`: looks at cached keys, clears them, keeps copies.
struct CacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Look at the cached keys, clear some, or keep copies of them.",
        discussion: """
            Keys have families: those of the datasets, and those under `families` of the datasets file. With --redis or --host no \
            configuration is needed; then only the families appUsers and oaUsers of go-zero have names. None of it needs a lease, \
            or a replica that runs. A key that Baton keeps comes back with the leader's next pass.

            EXAMPLES
              baton cache test
              baton cache list
              baton cache get cache:appUsers:phone:13800000000
              baton cache clear phone 13800000000
              baton cache clear id 7 --redis redis://127.0.0.1:6379/0
            """,
        subcommands: [
            CacheListCommand.self, CacheGetCommand.self, CacheClearCommand.self, CacheTestCommand.self,
            CacheBackupCommand.self, CacheRestoreCommand.self,
        ])
}
