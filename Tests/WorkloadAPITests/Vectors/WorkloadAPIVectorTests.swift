import FoundationEssentials
import JOSE
import Testing
import WorkloadAPI

@Suite("pki/vectors of the Workload API", .timeLimit(.minutes(1)))
struct WorkloadAPIVectorTests {
    private static let standards = ["workload-api-address", "workload-api-message"]
    private static let members: Set = [
        "section", "rules", "expect", "comment", "source", "endpoint", "rpc", "now", "audience", "spiffe_id",
    ]

    @Test(
        "WEP-10 to WEP-17: each address is read or refused as its case.json says",
        arguments: WorkloadAPIVector.all("workload-api-address"))
    func address(_ vector: WorkloadAPIVector) {
        do {
            #expect(try vector.endpoint() == vector.string("endpoint"))
            #expect(vector.expected == "accept")
        } catch {
            #expect(vector.expected == error.label)
        }
    }

    @Test(
        "WAPI-16: each message is read or refused as its case.json says",
        arguments: WorkloadAPIVector.all("workload-api-message"))
    func message(_ vector: WorkloadAPIVector) async throws {
        do {
            try await vector.call()
            #expect(vector.expected == "accept")
        } catch WorkloadAPIError.invalidMessage(let error) {
            #expect(vector.expected == WorkloadAPIVector.label(of: error))
        }
    }

    @Test("every folder is a case, with the members it may have", arguments: Self.standards)
    func everyFolderIsACase(_ standard: String) {
        let vectors = WorkloadAPIVector.all(standard)
        #expect(vectors.map(\.name) == WorkloadAPIVector.names(standard))
        #expect(vectors.count > 30)
        for vector in vectors {
            #expect(Set(vector.members.members.map(\.name)).subtracting(Self.members).isEmpty, "\(vector.name)")
        }
    }

    @Test(
        "every error case has a vector, and every expectation is an error case",
        arguments: zip(Self.standards, ["WorkloadAPIAddressError", "WorkloadAPIMessageError"]))
    func everyErrorCaseHasAVector(_ standard: String, _ file: String) throws {
        let path = WorkloadAPIVector.root + "/../../Sources/WorkloadAPI/\(file).swift"
        let source = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        let prefix = standard.replacing("-", with: "_") + "."
        let labels = Set(source.split(separator: "\"").map(String.init).filter { $0.hasPrefix(prefix) })
        #expect(labels.count == 15)
        let expected = WorkloadAPIVector.all(standard).compactMap {
            $0.expected.split(separator: "/").first.map(String.init)
        }
        #expect(Set(expected) == labels.union(["accept"]))
    }
}
