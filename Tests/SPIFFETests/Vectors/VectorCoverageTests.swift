import FoundationEssentials
import JOSE
import SPIFFE
import Testing

@Suite("pki/vectors as a whole", .timeLimit(.minutes(1)))
struct VectorCoverageTests {
    private static let commonMembers: Set = ["section", "rules", "expect", "comment", "source"]
    private static let members: [String: Set<String>] = [
        "spiffe-id": ["kind"],
        "x509-svid": ["bundles", "now", "openssl_verifies", "id"],
        "x509-svid-own": ["key", "padded_to_bytes"],
        "jwt-svid": ["bundles", "audience", "now", "leeway_seconds", "id"],
        "wit-svid": [
            "bundles", "target", "now", "leeway_seconds", "max_lifetime_seconds", "max_proof_lifetime_seconds",
            "access_token", "transaction_token", "other_tokens", "id",
        ],
        "wit-svid-own": [],
        "bundle-endpoint-url": [],
        "trust-bundle": [
            "x509_authorities", "jwt_authorities", "wit_authorities", "skipped", "sequence", "refresh_hint_seconds",
            "trust_domains",
            "padded_to_bytes", "leaves_out_certificates",
        ],
    ]

    @Test("every folder is a case, and every case has the members it may have", arguments: Vector.standards)
    func everyFolderIsACase(_ standard: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Vector.root + "/" + standard)
        #expect(names.count == Vector.all(standard).count)
        let allowed = try #require(Self.members[standard]).union(Self.commonMembers)
        for vector in Vector.all(standard) {
            let members = Set(vector.members.members.map(\.name))
            #expect(members.subtracting(allowed).isEmpty, "\(vector.testDescription)")
            #expect(Self.commonMembers.subtracting(members).isEmpty, "\(vector.testDescription)")
            #expect(!vector.rules.isEmpty, "\(vector.testDescription)")
        }
    }

    @Test("there are no folders but those that are run")
    func noOtherFolders() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Vector.root)
        // Run in AccessTokensTests and WorkloadAPITests.
        let elsewhere: Set = ["access-token", "workload-api-address", "workload-api-message", "__pycache__"]
        #expect(Set(names.filter { !$0.contains(".") }).subtracting(elsewhere) == Set(Vector.standards))
    }

    @Test(
        "every error case has a vector",
        arguments: [
            "SPIFFE-ID/SPIFFEIDError", "X509-SVID/X509SVIDError", "JWT-SVID/JWTSVIDError", "WIT-SVID/WITSVIDError",
            "WIT-SVID/WorkloadProofError", "TrustBundle/TrustBundleError", "Federation/BundleEndpointURL",
        ])
    func everyErrorCaseHasAVector(_ file: String) throws {
        let labels = try Self.labels(inSource: file)
        #expect(labels.count > 5)
        let expected = Vector.standards.flatMap { Vector.all($0) }.flatMap { $0.expected.split(separator: "/") }
        #expect(labels.subtracting(expected.map(String.init)).isEmpty)
    }

    @Test("every reason why a token is no JWT has a vector")
    func everyJWTErrorHasAVector() throws {
        let cases = try Self.cases(inSource: "../JOSE/JWTError")
        #expect(cases.count > 10)
        let expected = Vector.all("jwt-svid").map(\.expected)
        #expect(cases.filter { !expected.contains("jwt_svid.token/\($0)") } == [])
    }

    @Test("every reason to skip an entry of a bundle has a vector")
    func everyReasonHasAVector() throws {
        let cases = try Self.cases(inSource: "TrustBundle/SkippedBundleEntry")
        #expect(cases.count > 10)
        let skipped = Vector.all("trust-bundle").flatMap { $0.members["skipped"]?.strings ?? [] }
        let reasons = skipped.compactMap { $0.split(separator: " ").last.map(String.init) }
        #expect(Set(cases).subtracting(reasons).isEmpty)
    }

    @Test("an expectation is the label of an error that exists")
    func expectationsExist() throws {
        let files = [
            "SPIFFE-ID/SPIFFEIDError", "X509-SVID/X509SVIDError", "JWT-SVID/JWTSVIDError", "WIT-SVID/WITSVIDError",
            "WIT-SVID/WorkloadProofError", "TrustBundle/TrustBundleError", "Federation/BundleEndpointURL",
        ]
        let labels = try Set(files.flatMap { try Self.labels(inSource: $0) }).union(["accept"])
        for vector in Vector.standards.flatMap({ Vector.all($0) }) {
            let first = try #require(vector.expected.split(separator: "/").first)
            #expect(labels.contains(String(first)), "\(vector.testDescription)")
        }
    }

    /// The names of the cases of an enum.
    private static func cases(inSource file: String) throws -> [String] {
        try self.source(file).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.first == "case" ? String(words[1].prefix { $0 != "(" }) : nil
        }
    }

    private static func source(_ file: String) throws -> String {
        let path = repositoryRoot() + "Sources/SPIFFE/\(file).swift"
        return String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    }

    /// What the `label` of an error can be: the quoted words with a dot in its source.
    private static func labels(inSource file: String) throws -> Set<String> {
        let quoted = try self.source(file).split(separator: "\n").filter { $0.contains("case .") }
            .compactMap { line in line.split(separator: "\"").dropFirst().first.map(String.init) }
        return Set(quoted.filter { $0.contains(".") && !$0.contains(" ") })
    }
}
