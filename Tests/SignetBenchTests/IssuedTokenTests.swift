import Foundation
import Testing
import signet_bench

@Suite("What signet-bench reads of the server's records", .timeLimit(.minutes(1)))
struct IssuedTokenTests {
    private static func token(after seconds: Double) -> IssuedToken {
        IssuedToken(
            time: Date(timeIntervalSince1970: 1_800_000_000 + seconds), caller: "a", audience: "b", scope: "c")
    }

    @Test("only access tokens that were issued count")
    func kinds() throws {
        let lines = """
            {"time":"2027-01-15T08:00:00.250Z","decision":"issued","kind":"access_token","sub":"a","aud":"b","scope":"c"}
            {"time":"2027-01-15T08:00:01.000Z","decision":"refused","kind":"access_token","sub":"a","aud":"b"}
            {"time":"2027-01-15T08:00:02.000Z","decision":"issued","kind":"x509_svid","sub":"access_token"}

            """
        #expect(try IssuedToken.all(in: lines) == [Self.token(after: 0.25)])
    }

    @Test("the peak is the most of any second, wherever it begins")
    func peak() {
        #expect(IssuedToken.peakPerSecond([]) == 0)
        #expect(IssuedToken.peakPerSecond([0, 0.5, 0.9, 1.4, 1.5, 3].map { Self.token(after: $0) }) == 3)
        #expect(IssuedToken.peakPerSecond([5, 4.001, 4, 4.999].map { Self.token(after: $0) }) == 3)
    }
}
