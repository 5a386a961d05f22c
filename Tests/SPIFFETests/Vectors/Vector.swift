import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing
import X509

/// One folder of `pki/vectors`: a case.json, and the files it is about.
struct Vector: Sendable, CustomTestStringConvertible {
    let standard: String
    let name: String
    let members: JSONObject

    /// `accept`, or the label of the error; that of the error within follows a slash.
    var expected: String { self.string("expect") ?? "" }
    var rules: [String] { self.members["rules"]?.strings ?? [] }
    var testDescription: String { "\(self.standard)/\(self.name)" }

    func string(_ member: String) -> String? {
        self.members[member]?.string
    }

    func int(_ member: String) -> Int64? {
        self.members[member]?.number?.int64
    }

    func bytes(_ file: String) throws -> [UInt8] {
        try Self.read(Self.root + "/\(self.standard)/\(self.name)/\(file)")
    }

    /// The moment at which the case is judged.
    func now() throws -> Date {
        try Date(self.string("now") ?? "", strategy: .iso8601)
    }

    /// The `bundles` of the case: trust domain to file.
    func bundles() throws -> TrustBundles {
        var bundles = TrustBundles()
        for (name, file) in self.members["bundles"]?.object?.members ?? [] {
            let trustDomain = try TrustDomain(parsing: name)
            let bytes = try self.bytes(file.string ?? "")
            if file.string?.hasSuffix(".der") == true {
                let certificates = try TrustBundle.parseCertificates(concatenatedDER: bytes)
                bundles.set(TrustBundle(trustDomain: trustDomain, x509Authorities: certificates))
            } else {
                bundles.set(try TrustBundle(parsing: bytes, trustDomain: trustDomain))
            }
        }
        return bundles
    }

    /// Runs the case; nil, or the label of what was thrown.
    func refusal(of run: () throws -> Void) -> String {
        do {
            try run()
            return "accept"
        } catch {
            return Self.label(of: error)
        }
    }

    static func label(of error: any Error) -> String {
        switch error {
        case X509SVIDError.invalidSPIFFEID(let inner): "x509_svid.invalid_spiffe_id/" + inner.label
        case JWTSVIDError.invalidSubject(let inner): "jwt_svid.invalid_subject/" + inner.label
        case JWTSVIDError.token(let inner): "jwt_svid.token/" + self.caseName(of: inner)
        case WITSVIDError.invalidSubject(let inner): "wit_svid.invalid_subject/" + inner.label
        case WITSVIDError.token(let inner): "wit_svid.token/" + self.caseName(of: inner)
        case WITSVIDError.malformedConfirmationKey(let inner):
            "wit_svid.malformed_confirmation_key/" + self.caseName(of: inner)
        case WITSVIDError.malformedPrivateKey(let inner): "wit_svid.malformed_private_key/" + self.caseName(of: inner)
        case WITSVIDError.proof(.token(let inner)):
            "wit_svid.proof/workload_proof.token/" + self.caseName(of: inner)
        case WITSVIDError.proof(let inner): "wit_svid.proof/" + inner.label
        case TrustBundleError.invalidTrustDomain(let inner): "trust_bundle.invalid_trust_domain/" + inner.label
        case TrustBundleError.invalidBundle(_, let inner): "trust_bundle.invalid_bundle/" + inner.label
        case let error as SPIFFEIDError: error.label
        case let error as X509SVIDError: error.label
        case let error as JWTSVIDError: error.label
        case let error as WITSVIDError: error.label
        case let error as TrustBundleError: error.label
        case let error as BundleEndpointURLError: error.label
        default: "unexpected: \(error)"
        }
    }

    /// The name of an enum's case without its payload.
    static func caseName(of value: Any) -> String {
        String(String(describing: value).prefix { $0 != "(" })
    }
}

extension Vector {
    static let root = repositoryRoot() + "pki/vectors"
    static let standards = [
        "spiffe-id", "x509-svid", "x509-svid-own", "jwt-svid", "wit-svid", "wit-svid-own", "trust-bundle",
        "bundle-endpoint-url",
    ]

    /// All cases of a standard, by name; those about a rule, of which there must be one, when one is given.
    ///
    /// A case.json that cannot be read is left out, which ``VectorCoverageTests`` notices.
    static func all(_ standard: String, rule: String? = nil) -> [Vector] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: self.root + "/" + standard)) ?? []
        let vectors = names.sorted().compactMap { try? Vector(standard: standard, name: $0) }
        guard let rule else { return vectors }
        let found = vectors.filter { $0.rules.contains(rule) }
        // A test of no cases would pass.
        precondition(!found.isEmpty, "pki/vectors/\(standard) has no case of \(rule)")
        return found
    }

    init(standard: String, name: String) throws {
        let bytes = try Self.read(Self.root + "/\(standard)/\(name)/case.json")
        guard let members = try JSON.parse(bytes, maxBytes: 65_536).object else { throw TrustBundleError.notAnObject }
        self.standard = standard
        self.name = name
        self.members = members
    }

    private static func read(_ path: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: path)))
    }
}

/// The folder of the repository, with a slash at the end.
func repositoryRoot(file: String = #filePath) -> String {
    // Tests/SPIFFETests/Vectors/Vector.swift
    file.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/") + "/"
}
