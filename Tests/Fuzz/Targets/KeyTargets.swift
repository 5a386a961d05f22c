import AccessTokens
import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import SwiftASN1
import TestSupport
import X509

extension FuzzTarget {
    static let keyDictionary =
        Self.jsonDictionary + [
            "\"keys\"", "\"kty\"", "\"EC\"", "\"RSA\"", "\"OKP\"", "\"crv\"", "\"P-256\"", "\"Ed25519\"", "\"x\"",
            "\"y\"",
            "\"n\"", "\"e\"", "\"AQAB\"", "\"d\"", "\"use\"", "\"sig\"", "\"jwt-svid\"", "\"wit-svid\"",
            "\"x509-svid\"",
            "\"kid\"", "\"x5c\"", "\"spiffe_sequence\"", "\"spiffe_refresh_hint\"", "\"trust_domains\"",
        ]

    /// Public keys in DER: one encoding a key, which X509 reads as the same key.
    static func publicKey() throws -> FuzzTarget {
        var keys: Set<[UInt8]> = []
        for document in try SeedFiles.vectorFiles("trust-bundle", "document.json") {
            let bundle = try? TrustBundle(parsing: document, trustDomain: .init(parsing: "example.org"))
            for authority in bundle?.jwtAuthorities ?? [] { keys.insert(authority.publicKey.subjectPublicKeyInfoDER) }
        }
        // The same key with its point compressed, and with a length of two bytes.
        let key = try FixedAuthority().leafKey.publicKey
        let canonical = Array(key.derRepresentation)
        let info = try found(ReferenceDER.elements(canonical[...])?.first, "a key is no DER").content
        let header: [UInt8] = [0x30, 0x39] + info.prefix(21) + [0x03, 0x22, 0x00]
        let others = [canonical, header + key.compressedRepresentation, [0x30, 0x81, 0x59] + info]
        return try FuzzTarget(
            "public-key", maxBytes: JOSE.PublicKey.maxSubjectPublicKeyInfoBytes,
            seeds: keys.sorted { $0.lexicographicallyPrecedes($1) } + others
        ) { input in
            let key = try? JOSE.PublicKey(subjectPublicKeyInfoDER: input)
            let withEd25519 = try? JOSE.PublicKey(subjectPublicKeyInfoDER: input, allowsEd25519: true)
            guard let key else {
                try hold(withEd25519.map { "\($0)" == "Ed25519" } ?? true, "a key that is not Ed25519 depends on it")
                return false
            }
            try hold(key.subjectPublicKeyInfoDER == input, "a key has two encodings")
            try hold(withEd25519 == key, "a key depends on whether Ed25519 is allowed")
            let theirs = try Certificate.PublicKey(derEncoded: input)
            try hold(
                Array(theirs.subjectPublicKeyInfoBytes) == Array(Self.bitString(of: input)), "X509 reads another key")
            let again = try JSONWebKey(JSONWebKey(publicKey: key).object())
            try hold(again.publicKey == key, "the JWK is of another key")
            return true
        }
    }

    /// The content of the BIT STRING at the end.
    private static func bitString(of info: [UInt8]) -> ArraySlice<UInt8> {
        ReferenceDER.elements(info[...])?.first.flatMap { ReferenceDER.elements($0.content)?.last?.content.dropFirst() }
            ?? []
    }

    /// The JWK Sets of an issuer of access tokens and of a Workload API: read again as they are written.
    static func jwkSet() throws -> FuzzTarget {
        let trustDomain = try TrustDomain(parsing: "example.org")
        let seeds = try [
            SeedFiles.vectorFiles("access-token", "keys.json"), SeedFiles.vectorFiles("trust-bundle", "jwks.json"),
            SeedFiles.vectorFiles("trust-bundle", "wit-jwks.json"),
        ].flatMap { Set($0).sorted { $0.lexicographicallyPrecedes($1) } }
        // Without a kid, and with one kid twice.
        let key = JOSE.PublicKey(try FixedAuthority().leafKey.publicKey)
        let sets = [[""], ["", "k"], ["k", "k"]].map { keyIDs -> [UInt8] in
            let entries = keyIDs.map { JSONWebKey(publicKey: key, use: "sig", keyID: $0).object() }
            return JSON.serialize(["keys": .array(entries.map(JSONValue.object))])
        }
        return try FuzzTarget(
            "jwk-set", maxBytes: TrustBundle.maxDocumentBytes, seeds: seeds + sets, dictionary: self.keyDictionary
        ) { input in
            let keys = try? AccessTokenKeys(parsing: input)
            if let keys { try Self.check(keys, of: input) }

            let jwt = try? TrustBundle(parsingJWTKeySet: input, trustDomain: trustDomain)
            if let jwt {
                try hold(jwt.x509Authorities.isEmpty && jwt.witAuthorities.isEmpty, "there are other authorities")
                let again = try TrustBundle(parsingJWTKeySet: jwt.jwtKeySet(), trustDomain: trustDomain)
                try hold(again.jwtAuthorities == jwt.jwtAuthorities, "other JWT authorities are read than written")
                try hold(again.skipped == [], "an entry that was written is skipped: \(again.skipped)")
            }
            let wit = try? TrustBundle(parsingWITKeySet: input, trustDomain: trustDomain)
            if let wit {
                try hold(wit.x509Authorities.isEmpty && wit.jwtAuthorities.isEmpty, "there are other authorities")
                let again = try TrustBundle(parsingWITKeySet: wit.witKeySet(), trustDomain: trustDomain)
                try hold(again.witAuthorities == wit.witAuthorities, "other WIT authorities are read than written")
                try hold(again.skipped == [], "an entry that was written is skipped: \(again.skipped)")
            }
            return keys != nil || jwt != nil || wit != nil
        }
    }

    private static func check(_ keys: AccessTokenKeys, of input: [UInt8]) throws {
        try hold(input.count <= AccessTokenKeys.maxBytes, "a JWK Set that is too long is accepted")
        try hold(keys.keyIDs.count <= AccessTokenKeys.maxEntries, "there are \(keys.keyIDs.count) keys")
        try hold(keys.isEmpty == keys.keyIDs.isEmpty, "keys are there and are not")
        var entries: [JSONValue] = []
        for keyID in keys.keyIDs {
            try hold((1...AccessTokenKeys.maxKeyIDBytes).contains(keyID.utf8.count), "a kid is empty or too long")
            let key = try found(keys[keyID], "the key of a kid is not there")
            entries.append(.object(JSONWebKey(publicKey: key, use: "sig", keyID: keyID).object()))
        }
        let again = try AccessTokenKeys(parsing: JSON.serialize(["keys": .array(entries)]))
        try hold(again == keys, "other keys are read than written")
    }
}
