import FoundationEssentials
import JOSE
import SPIFFE
import SPIFFETesting
import Testing
import WorkloadAPI

/// One folder of `pki/vectors/workload-api-address` or `workload-api-message`: a case.json, and the bytes it is about.
struct WorkloadAPIVector: Sendable, CustomTestStringConvertible {
    let standard: String
    let name: String
    let members: JSONObject

    /// `accept`, or the label of the error; that of the error within follows a slash.
    var expected: String { self.string("expect") ?? "" }
    var testDescription: String { "\(self.standard)/\(self.name)" }

    func string(_ member: String) -> String? { self.members[member]?.string }

    func bytes(_ file: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: Self.root + "/\(self.testDescription)/\(file)")))
    }

    /// The endpoint that the environment variable names, as a URI that says it plainly.
    func endpoint() throws(WorkloadAPIAddressError) -> String {
        let text = (try? self.bytes("input.txt")).map { String(decoding: $0, as: UTF8.self) }
        let address = try WorkloadAPIAddress(
            environment: [WorkloadAPIAddress.environmentVariable: text ?? "input.txt is missing"])
        return switch address.endpoint {
        case .unix(let path): "unix://\(path)"
        case .tcp: address.description
        }
    }

    /// Makes the call that the case names, to a server that answers it with the bytes of the case.
    func call() async throws {
        let now = try Date(self.string("now") ?? "", strategy: .iso8601)
        let message = try self.bytes("message.bin")
        let id = try self.string("spiffe_id").map { try SPIFFEID(parsing: $0) }
        let ca = try await TestCA(trustDomain: "example.org", time: ManualTime(now: now))
        try await withTestWorkloadAPI(ca) { api async throws in
            api.send(bytes: message)
            switch self.string("rpc") {
            case "FetchX509SVID": _ = try await api.client.fetchX509Context()
            case "FetchX509Bundles": _ = try await api.client.fetchX509Bundles()
            case "FetchJWTBundles": _ = try await api.client.fetchJWTBundles()
            case "FetchWITBundles": _ = try await api.client.fetchWITBundles()
            case "FetchWITSVID": _ = try await api.client.fetchWITSVIDs(spiffeID: id)
            case "FetchJWTSVID":
                let audience = self.members["audience"]?.strings ?? []
                _ = try await api.client.fetchJWTSVIDs(audience: audience, spiffeID: id)
            case "ValidateJWTSVID": _ = try await api.client.validateJWTSVID("a.b.c", audience: "reports")
            default: Issue.record("no such call")
            }
        }
    }

    static func label(of error: WorkloadAPIMessageError) -> String {
        switch error {
        case .malformedID(_, let inner): error.label + "/" + inner.label
        case .malformedX509SVID(_, let inner), .invalidX509SVID(_, let inner): error.label + "/" + inner.label
        case .malformedJWTSVID(_, let inner): error.label + "/" + inner.label
        case .malformedWITSVID(_, let inner): error.label + "/" + inner.label
        case .malformedBundle(_, let inner): error.label + "/" + inner.label
        default: error.label
        }
    }
}

extension WorkloadAPIVector {
    static let root = {
        let file: String = #filePath
        // Tests/WorkloadAPITests/Vectors/WorkloadAPIVector.swift
        return file.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
            + "/pki/vectors"
    }()

    /// All cases by name; a case.json that cannot be read is left out, which a test notices.
    static func all(_ standard: String) -> [WorkloadAPIVector] {
        self.names(standard).compactMap { try? WorkloadAPIVector(standard: standard, name: $0) }
    }

    static func names(_ standard: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self.root + "/" + standard)) ?? []).sorted()
    }

    private init(standard: String, name: String) throws {
        let bytes = try Array(Data(contentsOf: URL(filePath: Self.root + "/\(standard)/\(name)/case.json")))
        self.members = try #require(try JSON.parse(bytes, maxBytes: 65_536).object)
        self.standard = standard
        self.name = name
    }
}
