// swift-tools-version: 6.2
import PackageDescription

// One list of settings for everything people write here; generated code gets `generatedSettings`.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]
let generatedSettings: [SwiftSetting] = [.swiftLanguageMode(.v6)]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func protos(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name, dependencies: dependencies + [.swiftProtobuf], exclude: ["Protos"],
        swiftSettings: generatedSettings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: settings)
}

extension Target.Dependency {
    static let argumentParser = Self.product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asn1 = Self.product(name: "SwiftASN1", package: "swift-asn1")
    static let configuration = Self.product(name: "Configuration", package: "swift-configuration")
    static let crypto = Self.product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = Self.product(name: "CryptoExtras", package: "swift-crypto")
    static let grdb = Self.product(name: "GRDB", package: "GRDB.swift")
    static let grpcCore = Self.product(name: "GRPCCore", package: "grpc-swift-2")
    static let grpcPosix = Self.product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
    static let grpcProtobuf = Self.product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
    static let httpTypes = Self.product(name: "HTTPTypes", package: "swift-http-types")
    static let asyncHTTPClient = Self.product(name: "AsyncHTTPClient", package: "async-http-client")
    static let hummingbird = Self.product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = Self.product(name: "HummingbirdCore", package: "hummingbird")
    static let logging = Self.product(name: "Logging", package: "swift-log")
    static let metrics = Self.product(name: "Metrics", package: "swift-metrics")
    static let metricsTestKit = Self.product(name: "MetricsTestKit", package: "swift-metrics")
    static let nioCore = Self.product(name: "NIOCore", package: "swift-nio")
    static let nioPosix = Self.product(name: "NIOPosix", package: "swift-nio")
    static let nioEmbedded = Self.product(name: "NIOEmbedded", package: "swift-nio")
    static let nioHTTP1 = Self.product(name: "NIOHTTP1", package: "swift-nio")
    static let nioHTTP2 = Self.product(name: "NIOHTTP2", package: "swift-nio-http2")
    static let nioHPACK = Self.product(name: "NIOHPACK", package: "swift-nio-http2")
    static let nioSSL = Self.product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioTLS = Self.product(name: "NIOTLS", package: "swift-nio")
    static let serviceLifecycle = Self.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let unixSignals = Self.product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let swiftProtobuf = Self.product(name: "SwiftProtobuf", package: "swift-protobuf")
    static let x509 = Self.product(name: "X509", package: "swift-certificates")
    static let yams = Self.product(name: "Yams", package: "Yams")
}

let package = Package(
    name: "signet",
    products: [
        .executable(name: "signet", targets: ["signet"]),
        .executable(name: "signet-bench", targets: ["signet-bench"]),
        .executable(name: "signet-bench-libraries", targets: ["signet-bench-libraries"]),
        .executable(name: "signet-example-services", targets: ["signet-example-services"]),
        .executable(name: "signet-fuzz", targets: ["signet-fuzz"]),
        .executable(name: "signet-sdk-harness", targets: ["signet-sdk-harness"]),
        .library(name: "AccessTokens", targets: ["AccessTokens"]),
        .library(name: "AuthorizationGRPC", targets: ["AuthorizationGRPC"]),
        .library(name: "AuthorizationHTTPClient", targets: ["AuthorizationHTTPClient"]),
        .library(name: "AuthorizationHummingbird", targets: ["AuthorizationHummingbird"]),
        .library(name: "AuthorizationOAuth", targets: ["AuthorizationOAuth"]),
        .library(name: "JOSE", targets: ["JOSE"]),
        .library(name: "SPIFFE", targets: ["SPIFFE"]),
        .library(name: "SPIFFEFederation", targets: ["SPIFFEFederation"]),
        .library(name: "SPIFFEGRPC", targets: ["SPIFFEGRPC"]),
        .library(name: "SPIFFEHTTPClient", targets: ["SPIFFEHTTPClient"]),
        .library(name: "SPIFFEHummingbird", targets: ["SPIFFEHummingbird"]),
        .library(name: "SPIFFETLS", targets: ["SPIFFETLS"]),
        .library(name: "SPIFFETesting", targets: ["SPIFFETesting"]),
        .library(name: "ServiceAuthorization", targets: ["ServiceAuthorization"]),
        .library(name: "WorkloadAPI", targets: ["WorkloadAPI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // 0: no knowledge of SPIFFE
        module("Rotation"),
        module("JOSE", [.crypto, .cryptoExtras]),
        module("KeyManagement", ["JOSE", .crypto, .cryptoExtras, .x509, .asn1]),

        // 1: the standards as values and rules
        module("SPIFFE", ["JOSE", .asn1, .crypto, .cryptoExtras, .x509]),

        // 2: the domain; no gRPC, protobuf, NIO or SQL
        module("Registration", ["SPIFFE"]),
        module("NodeAttestation", ["Registration", "SPIFFE", .crypto]),
        .target(name: "CLinux"),
        module("WorkloadAttestation", ["CLinux", "Registration", "Rotation", .crypto]),
        module("AccessGrants", ["AccessTokens", "JOSE", "Registration", "SPIFFE"]),
        module("Authority", ["JOSE", "KeyManagement", "Rotation", "SPIFFE", .asn1, .crypto, .cryptoExtras, .x509]),
        module("Audit", ["JOSE", "KeyManagement", .logging]),
        module("AccessTokens", ["JOSE", "Rotation", "SPIFFE", .crypto, .x509]),

        // P: wire types
        module("ProtoRPC", [.swiftProtobuf, .grpcCore, .grpcProtobuf]),
        protos("WorkloadAPIProtos", ["ProtoRPC"]),
        protos("ControlPlaneProtos", ["ProtoRPC"]),

        // 3: technologies, each at home in one module
        module("SPIFFETLS", ["Rotation", "SPIFFE", .asn1, .nioCore, .nioSSL, .nioTLS, .x509]),
        module(
            "PeerTransport",
            [
                "CLinux", "ControlPlaneProtos", "ProtoRPC", "Rotation", "SPIFFE", "SPIFFETLS", .grpcCore, .logging,
                .nioCore,
                .nioHPACK, .nioHTTP2, .nioPosix, .nioSSL, .nioTLS, .serviceLifecycle, .swiftProtobuf, .x509,
            ]),
        module(
            "WorkloadAPI",
            [
                "JOSE", "ProtoRPC", "Rotation", "SPIFFE", "WorkloadAPIProtos", .grpcCore, .grpcPosix, .logging,
                .serviceLifecycle,
                .swiftProtobuf,
            ]),
        module(
            "ServiceAuthorization",
            [
                "AccessTokens", "Audit", "JOSE", "Rotation", "SPIFFE", "SPIFFETLS", "WorkloadAPI", "WorkloadAPIProtos",
                .crypto,
                .logging, .metrics, .serviceLifecycle, .swiftProtobuf,
            ]),
        module(
            "SPIFFEFederation",
            [
                "Rotation", "SPIFFE", "SPIFFETLS", .logging, .nioCore, .nioHTTP1, .nioPosix, .nioSSL, .serviceLifecycle,
                .x509,
            ]),
        // Each a product of its own, so that a service links only what it uses.
        module("SPIFFEGRPC", ["Rotation", "SPIFFE", "SPIFFETLS", .grpcCore, .grpcPosix, .nioCore, .nioPosix]),
        module("SPIFFEHTTPClient", ["SPIFFE", "SPIFFETLS", .asyncHTTPClient, .nioCore, .nioHTTP1]),
        module(
            "SPIFFEHummingbird",
            ["SPIFFE", "SPIFFETLS", .httpTypes, .hummingbird, .hummingbirdCore, .logging, .nioCore]),
        module(
            "AuthorizationHummingbird",
            [
                "AccessTokens", "SPIFFE", "SPIFFEHummingbird", "ServiceAuthorization", .httpTypes, .hummingbird,
                .nioCore,
            ]),
        module(
            "AuthorizationGRPC",
            [
                "AccessTokens", "SPIFFE", "SPIFFEGRPC", "ServiceAuthorization", .grpcCore, .grpcProtobuf,
            ]),
        module(
            "AuthorizationHTTPClient",
            ["AccessTokens", "SPIFFEHTTPClient", "ServiceAuthorization", .asyncHTTPClient, .nioCore, .nioHTTP1]),
        module(
            "AuthorizationOAuth",
            [
                "AccessTokens", "JOSE", "Rotation", "SPIFFE", "SPIFFEHTTPClient", "ServiceAuthorization",
                "WorkloadAPI", .asyncHTTPClient, .logging, .metrics, .nioCore, .nioHTTP1, .serviceLifecycle,
            ]),
        // For the tests of services: the one library that links the authority.
        module(
            "SPIFFETesting",
            [
                "Authority", "JOSE", "KeyManagement", "PeerTransport", "ProtoRPC", "Rotation", "SPIFFE", "WorkloadAPI",
                "WorkloadAPIProtos", .crypto, .grpcCore, .logging, .swiftProtobuf, .x509,
            ]),
        module(
            "Datastore",
            [
                "AccessGrants", "AccessTokens", "Authority", "KeyManagement", "NodeAttestation", "Registration",
                "SPIFFE", .crypto, .grdb,
            ]),

        // 4: the two halves of the product, which never import each other
        module(
            "IdentityServer",
            [
                "AccessGrants", "AccessTokens", "Audit", "Authority", "ControlPlaneProtos", "JOSE", "KeyManagement",
                "NodeAttestation",
                "PeerTransport", "ProtoRPC",
                "Registration", "Rotation", "SPIFFE", "SPIFFEHummingbird", "SPIFFETLS", .crypto, .grpcCore, .httpTypes,
                .hummingbirdCore, .logging, .nioCore, .nioPosix,
                .serviceLifecycle,
                .swiftProtobuf, .x509,
            ]),
        module(
            "IdentityAgent",
            [
                "AccessTokens", "ControlPlaneProtos", "JOSE", "KeyManagement", "NodeAttestation", "PeerTransport",
                "ProtoRPC",
                "Registration",
                "Rotation", "SPIFFE", "SPIFFETLS", "WorkloadAPIProtos", "WorkloadAttestation", .asn1, .crypto,
                .grpcCore,
                .grpcPosix, .logging, .serviceLifecycle, .swiftProtobuf, .x509,
            ]),

        // 5: composition only
        program(
            "signet",
            [
                "AccessGrants", "AccessTokens", "Audit", "Authority", "ControlPlaneProtos", "Datastore",
                "IdentityAgent",
                "IdentityServer",
                "KeyManagement",
                "PeerTransport", "ProtoRPC", "Registration", "Rotation", "SPIFFE", "SPIFFETLS", "WorkloadAPI",
                "JOSE", "WorkloadAPIProtos", "WorkloadAttestation", .argumentParser, .asn1, .configuration, .crypto,
                .grpcCore,
                .grpcPosix, .logging, .serviceLifecycle, .swiftProtobuf, .unixSignals, .x509, .yams,
            ]),
        program(
            "signet-demo-service",
            [
                "AccessTokens", "AuthorizationHTTPClient", "AuthorizationHummingbird", "Rotation", "SPIFFE",
                "SPIFFEHTTPClient", "SPIFFEHummingbird", "SPIFFETLS", "ServiceAuthorization", "WorkloadAPI",
                .argumentParser, .asyncHTTPClient, .hummingbird, .hummingbirdCore, .logging, .nioCore, .nioHTTP1,
                .nioPosix, .nioSSL, .serviceLifecycle, .unixSignals,
            ]),
        program(
            "signet-sdk-harness",
            [
                "JOSE", "SPIFFE", "SPIFFETLS", "WorkloadAPI", "Rotation", .httpTypes, .hummingbird, .hummingbirdCore,
                .logging, .nioCore, .nioPosix, .nioSSL, .serviceLifecycle, .unixSignals,
            ]),
        // For what starts programs: the measurements and the tests.
        module("ChildPrograms", ["CLinux"]),
        // What of the libraries cannot be asked from outside.
        program(
            "signet-bench-libraries",
            [
                "AccessGrants", "AccessTokens", "AuthorizationHTTPClient", "AuthorizationHummingbird",
                "ControlPlaneProtos", "JOSE", "PeerTransport", "ProtoRPC", "Registration", "Rotation", "SPIFFE",
                "SPIFFEHTTPClient", "SPIFFEHummingbird", "SPIFFETLS", "ServiceAuthorization", "TestSupport",
                "WorkloadAPI", "WorkloadAPIProtos", .argumentParser, .asyncHTTPClient, .crypto, .grpcCore, .grpcPosix,
                .hummingbird, .hummingbirdCore, .logging, .nioCore, .nioHTTP1, .nioPosix, .nioSSL, .nioTLS,
                .swiftProtobuf, .x509,
            ]),
        program(
            "signet-example-services",
            [
                "SPIFFE", "SPIFFEGRPC", "SPIFFEHTTPClient", "SPIFFEHummingbird", "SPIFFETLS", "WorkloadAPI",
                .argumentParser, .asyncHTTPClient, .grpcCore, .grpcPosix, .hummingbird, .logging, .nioCore, .nioHTTP1,
                .serviceLifecycle, .unixSignals,
            ]),
        // It asks the programs from outside and links none of the modules of the product.
        program("signet-bench", ["ChildPrograms", .argumentParser, .unixSignals]),

        // Tests
        .target(
            name: "TestSupport",
            dependencies: ["ChildPrograms", "JOSE", "Rotation", "SPIFFE", .asn1, .crypto, .cryptoExtras, .x509],
            path: "Tests/Support", swiftSettings: settings),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "AccessTokens", "IdentityServer", "JOSE", "SPIFFE", "ServiceAuthorization", "TestSupport",
                "WorkloadAPI", "WorkloadAPIProtos", .asn1, .crypto, .swiftProtobuf, .x509,
            ],
            path: "Tests/Fuzz/Targets", swiftSettings: settings),
        .executableTarget(
            name: "signet-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Program", swiftSettings: settings),
        tests("FuzzTests", ["FuzzTargets", "TestSupport"]),
        tests("ChildProgramsTests", ["ChildPrograms", "TestSupport"]),
        tests("RotationTests", ["Rotation", "TestSupport"]),
        tests("JOSETests", ["JOSE", "TestSupport", .crypto, .cryptoExtras]),
        tests("KeyManagementTests", ["KeyManagement", "JOSE", "TestSupport", .crypto, .x509]),
        tests("SPIFFETests", ["SPIFFE", "JOSE", "TestSupport", .asn1, .crypto, .x509]),
        tests(
            "AccessGrantsTests",
            ["AccessGrants", "AccessTokens", "JOSE", "Registration", "SPIFFE", "TestSupport", .crypto]),
        tests("RegistrationTests", ["Registration", "SPIFFE", "TestSupport"]),
        tests("NodeAttestationTests", ["NodeAttestation", "Registration", "SPIFFE", "TestSupport"]),
        tests(
            "AuthorityTests",
            ["Authority", "JOSE", "KeyManagement", "Rotation", "SPIFFE", "TestSupport", .asn1, .crypto, .x509]),
        tests("AuditTests", ["Audit", "ChildPrograms", "JOSE", "TestSupport", .logging]),
        tests("AccessTokensTests", ["AccessTokens", "JOSE", "SPIFFE", "TestSupport", .crypto, .x509]),
        tests(
            "WorkloadAttestationTests",
            ["WorkloadAttestation", "ChildPrograms", "Registration", "Rotation", "TestSupport", "CLinux"]),
        tests(
            "DatastoreTests",
            [
                "Datastore", "AccessGrants", "AccessTokens", "Authority", "KeyManagement", "NodeAttestation",
                "Registration", "SPIFFE", "TestSupport",
            ]),
        tests(
            "ProtoTests",
            ["ProtoRPC", "WorkloadAPIProtos", "ControlPlaneProtos", "TestSupport", .grpcCore, .swiftProtobuf]),
        tests(
            "SPIFFEAdapterTests",
            [
                "Rotation", "SPIFFEGRPC", "SPIFFEHTTPClient", "SPIFFEHummingbird", "SPIFFE", "SPIFFETLS", "TestSupport",
                .asyncHTTPClient, .grpcCore, .grpcPosix, .httpTypes, .hummingbird, .hummingbirdCore, .logging, .nioCore,
                .nioHTTP1, .nioPosix, .nioSSL, .nioTLS,
            ]),
        tests(
            "SPIFFETestingTests",
            [
                "SPIFFETesting", "SPIFFE", "SPIFFETLS", "WorkloadAPI", "signet-example-services", .hummingbird,
                .logging, .nioCore, .nioPosix, .serviceLifecycle,
            ]),
        tests(
            "SPIFFETLSTests",
            [
                "SPIFFETLS", "ChildPrograms", "Rotation", "SPIFFE", "TestSupport", .asn1, .nioCore, .nioEmbedded,
                .nioPosix, .nioSSL,
                .nioTLS, .x509,
            ]),
        tests(
            "SPIFFEFederationTests",
            [
                "SPIFFEFederation", "Rotation", "SPIFFE", "SPIFFETLS", "TestSupport", .logging, .nioCore, .nioHTTP1,
                .nioPosix, .nioSSL, .x509,
            ]),
        tests(
            "PeerTransportTests",
            [
                "PeerTransport", "ProtoRPC", "ControlPlaneProtos", "WorkloadAPIProtos", "Rotation", "SPIFFE",
                "SPIFFETLS", "TestSupport", .grpcCore, .grpcPosix, .logging, .nioCore, .nioPosix, .nioHPACK, .nioHTTP2,
                .nioSSL, .nioTLS, .serviceLifecycle, .swiftProtobuf, .x509,
            ]),
        tests(
            "WorkloadAPITests",
            [
                "JOSE", "WorkloadAPI", "WorkloadAPIProtos", "PeerTransport", "ProtoRPC", "Rotation", "SPIFFE",
                "SPIFFETesting", "TestSupport",
                .grpcCore, .grpcPosix, .logging, .nioCore, .nioPosix, .serviceLifecycle, .swiftProtobuf, .x509,
            ]),
        tests(
            "ServiceAuthorizationTests",
            [
                "AccessTokens", "AuthorizationGRPC", "AuthorizationHTTPClient", "AuthorizationHummingbird",
                "AuthorizationOAuth", "JOSE", "PeerTransport", "ProtoRPC",
                "Rotation", "SPIFFE", "SPIFFEGRPC", "SPIFFEHTTPClient", "SPIFFEHummingbird", "SPIFFETLS",
                "ServiceAuthorization", "TestSupport", "WorkloadAPI", "WorkloadAPIProtos", .asyncHTTPClient, .crypto,
                .grpcCore, .grpcPosix, .grpcProtobuf, .httpTypes, .hummingbird, .hummingbirdCore, .logging, .metrics,
                .metricsTestKit, .nioCore, .nioHTTP1, .nioSSL, .swiftProtobuf, .x509,
            ]),
        tests(
            "IdentityServerTests",
            [
                "IdentityServer", "AccessGrants", "AccessTokens", "Audit", "Authority", "AuthorizationOAuth",
                "ControlPlaneProtos",
                "Datastore",
                "JOSE",
                "KeyManagement",
                "NodeAttestation", "PeerTransport", "ProtoRPC", "Registration", "Rotation", "SPIFFE",
                "SPIFFEHTTPClient", "SPIFFETLS", "ServiceAuthorization", "TestSupport",
                .asn1, .asyncHTTPClient, .crypto, .grpcCore, .grpcPosix, .logging, .nioCore, .nioEmbedded, .nioHTTP1,
                .nioPosix,
                .nioSSL, .serviceLifecycle,
                .swiftProtobuf, .x509,
            ]),
        tests(
            "IdentityAgentTests",
            [
                "AccessTokens", "IdentityAgent", "ControlPlaneProtos", "JOSE", "KeyManagement", "NodeAttestation",
                "PeerTransport", "ProtoRPC", "Registration", "Rotation", "SPIFFE", "SPIFFETLS", "TestSupport",
                "WorkloadAPIProtos",
                "WorkloadAttestation", .crypto, .grpcCore, .grpcPosix, .logging, .nioCore, .serviceLifecycle,
                .swiftProtobuf, .x509,
            ]),
        tests(
            "SDKHarnessTests",
            [
                "signet-sdk-harness", "JOSE", "SPIFFE", "SPIFFETLS", "SPIFFETesting", "WorkloadAPI", .httpTypes,
                .hummingbird, .hummingbirdCore, .logging, .nioCore,
            ]),
        tests("SignetTests", ["TestSupport"]),
        tests("SignetBenchTests", ["signet-bench"]),
        tests(
            "Integration", ["ChildPrograms", "TestSupport", "JOSE", "SPIFFE", "SPIFFETesting", .asn1, .crypto, .x509]),
    ]
)
