import SPIFFE
import Testing

@Suite("How long a fetched bundle is in force")
struct TrustBundleFreshnessTests {
    private func bundle(sequence: UInt64? = nil, hint: Duration? = nil) throws -> TrustBundle {
        TrustBundle(
            trustDomain: try TrustDomain(parsing: "foreign.test"), sequenceNumber: sequence, refreshHint: hint)
    }

    @Test(
        "FED-08, FED-09: the interval is the refresh hint, five minutes without one",
        arguments: [
            (Duration?.none, Duration.seconds(300)), (.seconds(60), .seconds(60)), (.seconds(5), .seconds(5)),
            (.seconds(4), .seconds(5)), (.zero, .seconds(5)), (.seconds(86_400), .seconds(86_400)),
            (.seconds(86_401), .seconds(86_400)),
        ])
    func interval(hint: Duration?, interval: Duration) throws {
        #expect(try self.bundle(hint: hint).refreshInterval == interval)
    }

    @Test(
        "FED-11, FED-12: a smaller sequence number is older; without numbers the one fetched last counts",
        arguments: [
            (UInt64?(6), UInt64?(7), false), (7, 7, true), (8, 7, true), (nil, 7, true), (6, nil, true),
            (nil, nil, true),
        ])
    func replaces(fetched: UInt64?, stored: UInt64?, replaces: Bool) throws {
        #expect(try self.bundle(sequence: fetched).replaces(self.bundle(sequence: stored)) == replaces)
    }
}
