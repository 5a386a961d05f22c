import Foundation
import TestSupport
import Testing

@Suite("Files with registration entries", .timeLimit(.minutes(1)))
struct EntryFiles {
    private static let ids = #""spiffe_id":"spiffe://a/b","parent_id":"spiffe://a/c""#
    private static let good = #"{\#(ids),"selectors":[{"type":"unix","value":"uid:1"}]}"#

    private static let refusals: [(entry: String, error: String)] = [
        (
            #"{\#(ids),"selectors":[],"x509_svid_ttl":2147483648}"#,
            "x509_svid_ttl: expected seconds from 0 to 2147483647"
        ),
        (#"{\#(ids),"selectors":[],"jwt_svid_ttl":-1}"#, "jwt_svid_ttl: expected seconds from 0 to 2147483647"),
        (
            #"{\#(ids),"selectors":[{"type":"k8s:ns","value":"x"}]}"#,
            "selectors[0].type: 'k8s:ns' contains ':'; the type is 'k8s', and the value begins with 'ns:'"
        ),
        (#"{\#(ids),"selectors":[{"type":"unix","value":"uid:1","x":1}]}"#, "selectors[0].x"),
        (#"{\#(ids),"selectors":[{"type":"","value":"uid:1"}]}"#, "selectors[0]: ':uid:1'"),
        (#"{\#(ids),"selectors":[],"spiffeid":"x"}"#, "spiffeid"),
        (#"{\#(ids),"selectors":[],"additional_attributes":{"x":true}}"#, "additional_attributes.x"),
        (#"{"spiffe_id":"spiffe://a/b","selectors":[]}"#, "parent_id is required"),
        (#"{"spiffe_id":"nonsense"}"#, "spiffe_id: 'nonsense' is not a SPIFFE ID"),
    ]

    @Test(
        "what is wrong with an entry is said with its place, and nothing is sent",
        arguments: Self.refusals)
    func refused(entry: String, error: String) async throws {
        let result = try await self.create(#"{"entries":[\#(Self.good),\#(entry)]}"#)
        #expect(result.status == 2)
        #expect(result.errorText.contains("entries[1].\(error)"), "\(result.errorText)")
        #expect(result.errorText.hasPrefix("signet: --data: "), "\(result.errorText)")
    }

    @Test("a field beside the entries is refused by its name")
    func beside() async throws {
        let result = try await self.create(#"{"entries":[],"entrys":[]}"#)
        #expect(result.status == 2)
        #expect(result.errorText == "signet: --data: unknown field entrys\n")
    }

    @Test("a file of SPIRE's is understood")
    func good() async throws {
        let attributes = #""additional_attributes":{"disable_x509_svid_prefetch":true}"#
        let result = try await self.create(#"{"entries":[\#(Self.good.dropLast()),\#(attributes)}]}"#)
        #expect(result.status == 1)
        #expect(result.errorText.contains("no socket at /nowhere"), "\(result.errorText)")
    }

    @Test("a list of IDs may have blank lines, and must have an ID")
    func blankLines() async throws {
        let delete = ["entry", "delete", "--file", "-", "--socket-path", "/nowhere"]
        let blank = try await runProcess(CommandLineContract.signet, delete, input: Array("\n  \n\r\n".utf8))
        #expect(blank.status == 2)
        #expect(blank.errorText == "signet: --entry-id is required (or --file)\n")
        let one = try await runProcess(CommandLineContract.signet, delete, input: Array("\n  \none\n".utf8))
        #expect(one.status == 1)
    }

    private func create(_ file: String) async throws -> ProcessOutput {
        try await runProcess(
            CommandLineContract.signet, ["entry", "create", "--data", "-", "--socket-path", "/nowhere"],
            input: Array(file.utf8))
    }
}
