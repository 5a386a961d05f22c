public import Logging
import ServiceLifecycle

/// Runs `body` with the X.509 identity of this process, followed for as long as `body` runs.
///
/// For programs without a service group: nothing is to be run or closed.
///
/// ```swift
/// try await withX509Source(client: WorkloadAPIClient(address: try WorkloadAPIAddress())) { identity in
///     let tls = SPIFFETLSContexts(source: identity, policy: .exactly(orders))
/// }
/// ```
///
/// - Parameters:
///   - client: Whom to ask.
///   - selection: Which SVID to use where there are several. Default: the server's first.
///   - timeout: How long to wait for the identity; above zero. Default: 30 s.
///   - logger: Told when the Workload API fails and when it is back.
///   - body: What runs meanwhile.
/// - Throws: What ``X509Source/waitUntilReady(timeout:)`` throws before `body` is called, then what `body` throws.
public func withX509Source<Result>(
    client: WorkloadAPIClient, selection: SVIDSelection = .first, timeout: Duration = .seconds(30),
    logger: Logger = Logger(label: "spiffe.x509-source"), _ body: (X509Source) async throws -> Result
) async throws -> Result {
    try await running(X509Source(client: client, selection: selection, logger: logger)) { source in
        try await source.waitUntilReady(timeout: timeout)
        return try await body(source)
    }
}

/// Runs `body` with the JWT-SVIDs of this process, and the JWT bundles followed for as long as `body` runs.
///
/// Parameters and errors are those of ``withX509Source(client:selection:timeout:logger:_:)``.
public func withJWTSource<Result>(
    client: WorkloadAPIClient, timeout: Duration = .seconds(30), logger: Logger = Logger(label: "spiffe.jwt-source"),
    _ body: (JWTSource) async throws -> Result
) async throws -> Result {
    try await running(JWTSource(client: client, logger: logger)) { source in
        try await source.waitUntilReady(timeout: timeout)
        return try await body(source)
    }
}

/// Runs `body` with the WIT-SVIDs of this process, they and the WIT bundles followed for as long as `body` runs.
///
/// Parameters and errors are those of ``withX509Source(client:selection:timeout:logger:_:)``;
/// ``WorkloadAPIError/unimplemented(_:)`` at once where the Workload API serves no WIT-SVIDs.
public func withWITSource<Result>(
    client: WorkloadAPIClient, selection: SVIDSelection = .first, timeout: Duration = .seconds(30),
    logger: Logger = Logger(label: "spiffe.wit-source"), _ body: (WITSource) async throws -> Result
) async throws -> Result {
    try await running(WITSource(client: client, selection: selection, logger: logger)) { source in
        try await source.waitUntilReady(timeout: timeout)
        return try await body(source)
    }
}

/// Runs `body` with the trust bundles of the Workload API, followed for as long as `body` runs.
///
/// Parameters and errors are those of ``withX509Source(client:selection:timeout:logger:_:)``.
public func withBundleSource<Result>(
    client: WorkloadAPIClient, timeout: Duration = .seconds(30), logger: Logger = Logger(label: "spiffe.bundle-source"),
    _ body: (BundleSource) async throws -> Result
) async throws -> Result {
    try await running(BundleSource(client: client, logger: logger)) { source in
        try await source.waitUntilReady(timeout: timeout)
        return try await body(source)
    }
}

/// Runs a source beside `body`, and ends it after.
///
/// A source that ends earlier has withdrawn what it held, which is how `body` learns of it.
func running<Source: Service, Result>(
    _ source: Source, _ body: (Source) async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await source.run() }
        defer { group.cancelAll() }
        return try await body(source)
    }
}
