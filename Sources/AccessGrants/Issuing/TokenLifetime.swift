/// How long access tokens live: 5 to 15 minutes, 10 where nothing else is said.
///
/// Less only where a grant or a signing key ends sooner.
package enum TokenLifetime {
    package static let minimumSeconds: Int64 = 300
    package static let maximumSeconds: Int64 = 900
    package static let standard: Duration = .seconds(600)
    package static let range: ClosedRange<Duration> = .seconds(minimumSeconds) ... .seconds(maximumSeconds)
}
