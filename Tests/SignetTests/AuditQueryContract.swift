import Foundation
import TestSupport
import Testing

@Suite("signet audit query", .timeLimit(.minutes(1)))
struct AuditQueryContract {
    private static let records = """
        {"time":"2027-01-15T08:00:00.250Z","decision":"issued","kind":"access_token","iss":"https://a.test",\
        "kid":"k1","jti":"one","peer":"uid:7","route":"/x"}
        {"time":"2027-01-15T08:00:01.250Z","decision":"issued","kind":"jwt_svid","kid":"k2","jti":"two","route":"/x"}

        """

    private func query(
        _ arguments: [String], _ records: String = Self.records
    ) async throws -> (status: Int32, output: String, error: String) {
        try await withTemporaryDirectory { directory in
            let path = try directory.write(Array(records.utf8), to: "audit.jsonl")
            let result = try await runProcess(
                CommandLineContract.signet, ["audit", "query", "--file", path] + arguments)
            return (result.status, result.outputText, result.errorText)
        }
    }

    @Test(
        "finds records by each of its conditions",
        arguments: [["--kid", "k1"], ["--iss", "https://a.test"], ["--peer", "uid:7"], ["--kind", "access_token"]])
    func conditions(arguments: [String]) async throws {
        let (status, output, _) = try await self.query(arguments)
        #expect(status == 0)
        #expect(output.contains("jti=one"))
        #expect(!output.contains("jti=two"))
    }

    @Test("ends with 1 when there are lines that are no records, after it has shown the others")
    func unreadable() async throws {
        let (status, output, error) = try await self.query([], Self.records + "rubbish\n")
        #expect(status == 1)
        #expect(output.contains("jti=two"))
        #expect(error.contains("1 lines are no records"), "\(error)")
    }
}
