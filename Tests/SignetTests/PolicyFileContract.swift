import Foundation
import TestSupport
import Testing

@Suite("Policy files", .timeLimit(.minutes(1)))
struct PolicyFileContract {
    struct Case: Sendable, CustomTestStringConvertible {
        let text: String
        let error: String
        var testDescription: String { self.error }
    }

    @Test(
        "what is wrong is named, and nothing is sent",
        arguments: [
            Case(text: "- a", error: "expected fields, as 'owner:'"),
            Case(text: "owner: a\nservice: []", error: "unknown field 'service'; did you mean services?"),
            Case(text: "services: []", error: ".owner: must be given"),
            Case(text: "owner: a\nservices: b", error: ".services: expected a list"),
            Case(text: "owner: a\nservices:\n  - name: b", error: "services[0].spiffe_id: must be given"),
            Case(text: "owner: [a]", error: ".owner: expected text"),
            Case(text: "owner: a\nowner: b", error: "not YAML"),
            Case(
                text: "owner: a\nservices:\n  - {name: b, spiffe_id: c, binding: none}",
                error: "services[0].binding: 'none' is neither identity nor certificate"),
            Case(
                text: "owner: a\nservices:\n  - {name: b, spiffe_id: c, grants: [{caller: d, not_after: 8h}]}",
                error: "services[0].grants[0].not_after: '8h' is not a time"),
            Case(
                text: "owner: a\nservices:\n  - {name: b, spiffe_id: c, grants: [{caller: d, scopes: e}]}",
                error: "services[0].grants[0].scopes: expected a list"),
            Case(
                text: "owner: a\nservices:\n  - {name: b, spiffe_id: c, grants: [{caller: d, maximum_lifetime: 1}]}",
                error: "services[0].grants[0].maximum_lifetime: '1' is not a duration"),
            Case(
                text: """
                    owner: a
                    services:
                      - name: b
                        spiffe_id: c
                        grants:
                          - {caller: d, scopes: [e, f], reason: one}
                          - {caller: d, scopes: [e]}
                          - {caller: d, scopes: [f, e], reason: another}
                    """, error: "services[0].grants[2]: gives the same as grants[0]"),
        ])
    func refused(file: Case) async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write(Array(file.text.utf8), to: "policy.yaml")
            let result = try await runProcess(
                CommandLineContract.signet, ["apply", "-f", path, "--socket-path", directory.path("no.sock")])
            #expect(result.status == 2)
            #expect(result.errorText.contains(file.error), "\(result.errorText)")
            #expect(result.output.isEmpty)
        }
    }

    @Test("a whole file is read, and then the server is asked")
    func whole() async throws {
        let text = """
            owner: team
            services:
              - name: payments
                spiffe_id: spiffe://example.org/payments
                audience: https://payments.test
                owners: [others]
                description: Takes money.
                binding: certificate
                grants:
                  - caller: spiffe://example.org/orders
                    scopes: [payments:create]
                    maximum_lifetime: 5m
                    not_after: 2099-12-31T18:00:00Z
                    reason: CHG-1
            """
        try await withTemporaryDirectory { directory in
            let path = try directory.write(Array(text.utf8), to: "policy.yaml")
            let result = try await runProcess(
                CommandLineContract.signet, ["apply", "-f", path, "--socket-path", directory.path("no.sock")])
            #expect(result.status == 1)
            #expect(result.errorText.contains("no socket at"), "\(result.errorText)")
        }
    }
}
