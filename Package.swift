// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is compiled the same, strict way.
var strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
// `make test` sets it. A newer compiler's warnings must not keep anybody from building Baton.
if Context.environment["BATON_WARNINGS_AS_ERRORS"] != nil {
    strict.append(.treatAllWarnings(as: .error))
}

/// For what has to be fast in tests too. Only a root package may say so, and it goes with `@testable`.
let optimized = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

let package = Package(
    name: "baton",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "baton", targets: ["baton"]),
        // For the benchmarks, which are a package of their own.
        .library(name: "CacheRefresh", targets: ["CacheRefresh"]),
        .library(name: "Drills", targets: ["Drills"]),
        .library(name: "LocalStack", targets: ["LocalStack"]),
        .library(name: "PostgresClient", targets: ["PostgresClient"]),
        // For `Fuzzing`, a package of its own too.
        .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
        // For a test that loads it into a replica.
        .library(name: "SteppedClock", type: .dynamic, targets: ["SteppedClock"]),
    ],
    // Exactly these, so that nothing gets into a build that nobody has looked at; also of what they bring along.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-async-algorithms", exact: "1.1.4"),
        .package(url: "https://github.com/apple/swift-atomics", exact: "1.3.0"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2"),
    ],
    targets: [
        // MARK: System libraries
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CLibyaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        // MARK: Text: the standard library only
        .target(name: "JSON", swiftSettings: strict),
        .target(name: "Formatting", swiftSettings: strict),

        // MARK: Clients, which know nothing of leases or datasets
        .target(
            name: "RedisClient",
            dependencies: [
                "CHiredis", "Formatting",
                // Comes with NIO; it is named because a version is fixed only for what some target uses.
                .product(name: "Atomics", package: "swift-atomics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(name: "PostgresClient", dependencies: ["CLibpq"], swiftSettings: strict),

        // MARK: Pure cores: the standard library only
        .target(name: "LeaderElection", swiftSettings: optimized),
        .target(name: "CacheRefresh", swiftSettings: strict),

        // MARK: The election in a world where everything goes wrong
        .target(name: "ElectionSimulation", dependencies: ["LeaderElection"], swiftSettings: optimized),
        .executableTarget(
            name: "baton-sim",
            dependencies: [
                "ElectionSimulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),

        // MARK: The daemon, in layers: each imports only from those before it
        .target(
            name: "BatonConfiguration",
            dependencies: [
                "CLibyaml", "CacheRefresh", "Formatting", "LeaderElection", "PostgresClient", "RedisClient",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "GroupState",
            dependencies: ["CacheRefresh", "Formatting", "JSON", "LeaderElection", "RedisClient"],
            resources: [.embedInCode("Scripts")],
            swiftSettings: strict
        ),
        .target(
            name: "DatasetReading",
            dependencies: ["BatonConfiguration", "CacheRefresh", "Formatting", "PostgresClient"],
            swiftSettings: strict
        ),
        .target(
            name: "Telemetry",
            dependencies: [
                "BatonConfiguration", "Formatting", "LeaderElection",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ElectionRuntime",
            dependencies: [
                "CacheRefresh", "GroupState", "LeaderElection", "RedisClient", "Telemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "RefreshRuntime",
            dependencies: [
                "BatonConfiguration", "CacheRefresh", "DatasetReading", "ElectionRuntime", "Formatting", "GroupState",
                "LeaderElection", "PostgresClient", "RedisClient", "Telemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "StatusServer",
            dependencies: [
                "BatonConfiguration", "ElectionRuntime", "Formatting", "LeaderElection", "Telemetry",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Operations",
            dependencies: [
                "BatonConfiguration", "CacheRefresh", "DatasetReading", "Formatting", "GroupState", "JSON",
                "LeaderElection", "PostgresClient", "RedisClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Daemon",
            dependencies: [
                "BatonConfiguration", "CacheRefresh", "DatasetReading", "ElectionRuntime", "Formatting", "GroupState",
                "LeaderElection", "PostgresClient", "RedisClient", "RefreshRuntime", "StatusServer", "Telemetry",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "baton",
            dependencies: [
                "BatonConfiguration", "Daemon", "Demo", "Formatting", "GroupState", "Operations", "PostgresClient",
                "StatusServer",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict,
            plugins: ["BuildInfo"]
        ),
        .plugin(name: "BuildInfo", capability: .buildTool()),

        // MARK: Real servers for demo, tests and benchmarks
        .target(
            name: "Demo",
            dependencies: [
                "CacheRefresh", "Drills", "Formatting", "JSON", "LocalStack", "PostgresClient", "RedisClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        // Replicas as processes: what demo, faults, tests and benchmarks share.
        .target(name: "Drills", dependencies: ["JSON", "LocalStack"], swiftSettings: strict),
        .target(
            name: "LocalStack",
            dependencies: [
                "Formatting",
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict
        ),

        // MARK: Faults on real processes and networks
        .target(
            name: "Faults",
            dependencies: [
                "Drills", "Formatting", "LocalStack", "RedisClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "baton-torture",
            dependencies: [
                "Faults",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),

        // MARK: Tests
        .target(name: "SteppedClock", path: "Tests/SteppedClock"),
        .testTarget(
            name: "LeaderElectionTests", dependencies: ["LeaderElection"], resources: [.copy("Scenarios")],
            swiftSettings: strict),
        .testTarget(
            name: "ElectionSimulationTests",
            dependencies: [
                "ElectionSimulation", "GroupState", "LeaderElection", "LocalStack", "RedisClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: strict),
        .testTarget(name: "CacheRefreshTests", dependencies: ["CacheRefresh"], swiftSettings: strict),
        .testTarget(
            name: "RedisClientTests",
            dependencies: [
                "LocalStack", "RedisClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "PostgresClientTests", dependencies: ["PostgresClient", "LocalStack"], swiftSettings: strict),
        // What the tests of several targets need: it knows no operations, so that a change there builds little anew.
        .target(
            name: "TestSupport",
            dependencies: [
                "BatonConfiguration", "CacheRefresh", "DatasetReading", "Drills", "ElectionRuntime", "Formatting",
                "GroupState", "LeaderElection", "LocalStack", "PostgresClient", "RedisClient", "RefreshRuntime",
                "Telemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Tests/Support", swiftSettings: strict),
        .testTarget(name: "FormattingTests", dependencies: ["Formatting"], swiftSettings: strict),
        .testTarget(
            name: "BatonConfigurationTests",
            dependencies: [
                "BatonConfiguration", "CacheRefresh", "Formatting", "LeaderElection", "RedisClient", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "GroupStateTests",
            dependencies: [
                "CacheRefresh", "ElectionRuntime", "GroupState", "LeaderElection", "LocalStack", "RedisClient",
                "RefreshRuntime", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DatasetReadingTests",
            dependencies: [
                "CacheRefresh", "DatasetReading", "LocalStack", "PostgresClient", "RedisClient", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "TelemetryTests",
            dependencies: [
                "BatonConfiguration", "Formatting", "LeaderElection", "Telemetry", "TestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ElectionRuntimeTests",
            dependencies: [
                "ElectionRuntime", "GroupState", "LeaderElection", "LocalStack", "RedisClient", "Telemetry",
                "TestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RefreshRuntimeTests",
            dependencies: [
                "BatonConfiguration", "CacheRefresh", "DatasetReading", "ElectionRuntime", "Formatting", "GroupState",
                "LeaderElection", "LocalStack", "PostgresClient", "RedisClient", "RefreshRuntime", "Telemetry",
                "TestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "StatusServerTests",
            dependencies: [
                "BatonConfiguration", "ElectionRuntime", "Formatting", "GroupState", "JSON", "LeaderElection",
                "StatusServer", "Telemetry", "TestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DaemonTests",
            dependencies: [
                "BatonConfiguration", "CacheRefresh", "Daemon", "ElectionRuntime", "Faults", "GroupState",
                "LeaderElection", "LocalStack", "RedisClient", "RefreshRuntime", "StatusServer", "Telemetry",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "OperationsTests",
            dependencies: [
                "baton", "BatonConfiguration", "CacheRefresh", "DatasetReading", "Drills", "ElectionRuntime",
                "Faults", "Formatting", "GroupState", "LeaderElection", "LocalStack", "Operations", "PostgresClient",
                "RedisClient", "RefreshRuntime", "Telemetry", "TestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Formats/Fixtures"],
            swiftSettings: strict),
        .testTarget(name: "LocalStackTests", dependencies: ["Formatting", "LocalStack"], swiftSettings: strict),
        .testTarget(
            name: "DemoTests",
            dependencies: [
                "baton", "CacheRefresh", "Demo", "Drills", "LocalStack", "PostgresClient", "RedisClient",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EndToEndTests", dependencies: ["baton", "Drills", "LocalStack", "PostgresClient", "RedisClient"],
            swiftSettings: strict),
        .testTarget(
            name: "FaultTests",
            dependencies: [
                "baton", "Drills", "Faults", "LocalStack", "RedisClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(name: "EngineTests", dependencies: ["baton", "Drills", "LocalStack"], swiftSettings: strict),
        // A target of its own, so that `Fuzzing` has it too.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "BatonConfiguration", "CacheRefresh", "Formatting", "GroupState", "Operations", "PostgresClient",
                "RedisClient",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/FuzzTargets", swiftSettings: strict),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets"], exclude: ["Seeds"], swiftSettings: strict),
        .testTarget(
            name: "ProjectTests",
            dependencies: [
                "baton", "LocalStack", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(name: "RunbookTests", dependencies: ["baton", "Drills", "LocalStack"], swiftSettings: strict),
    ]
)
