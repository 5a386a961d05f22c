import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import SwiftProtobuf
import TestSupport
import WorkloadAPI
import WorkloadAPIProtos

extension FuzzTarget {
    private static let responseDictionary = ["spiffe://example.org", "spiffe://example.org/web", "\n", "\u{12}"]

    /// A target that reads the response of a Workload API as the client does.
    ///
    /// - Parameters:
    ///   - seeds: Messages to begin with.
    ///   - read: Makes a value of a message, or refuses it.
    ///   - check: Says what must hold for a value and the message that it is made of.
    private static func response<Response: Message & Sendable, Value>(
        _ name: String, seeds: [Response], dictionary: [String] = [],
        read: @escaping @Sendable (Response) throws -> Value,
        check: @escaping @Sendable (_ value: Value, _ message: Response) throws -> Void
    ) throws -> FuzzTarget {
        try FuzzTarget(
            name, maxBytes: WorkloadAPILimits.maxMessageBytes, seeds: seeds.map { try $0.serializedBytes() },
            dictionary: self.responseDictionary + dictionary
        ) { input in
            // The transport refuses what is longer before it is a message.
            guard input.count <= WorkloadAPILimits.maxMessageBytes else { return false }
            guard let message = try? Response(serializedBytes: input) else { return false }
            guard let value = try? read(message) else { return false }
            try check(value, message)
            return true
        }
    }

    /// Responses of FetchX509SVID.
    static func x509SVIDResponse() throws -> FuzzTarget {
        let authority = try FixedAuthority()
        var web = WorkloadAPIProtos.X509SVID()
        web.spiffeID = "spiffe://example.org/web"
        web.x509Svid = Data(try authority.leaf().derBytes)
        web.x509SvidKey = authority.leafKey.derRepresentation
        web.bundle = Data(authority.bundle.x509AuthoritiesDER())
        web.hint = "internal"
        var database = web
        database.spiffeID = "spiffe://example.org/db"
        database.x509Svid = Data(try authority.leaf { $0.uriNames = [database.spiffeID] }.derBytes)
        database.hint = "database"
        var one = X509SVIDResponse()
        one.svids = [web]
        var two = X509SVIDResponse()
        two.svids = [web, database]
        two.crl = [Data([0x30, 0x00])]
        two.federatedBundles = ["spiffe://foreign.test": web.bundle, "spiffe://none.test": Data()]
        var other = one
        other.svids[0].spiffeID = database.spiffeID
        return try self.response(
            "x509-svid-response", seeds: [one, two, other], read: { try X509Context($0) },
            check: { context, message in
                try hold(
                    (1...WorkloadAPILimits.maxSVIDs).contains(context.svids.count), "there are no SVIDs, or too many")
                try hold(context.bundles.all.count <= 2 * WorkloadAPILimits.maxBundles, "there are too many bundles")
                try Self.checkHints(context.svids.map(\.hint))
                let names = Set(message.svids.map(\.spiffeID))
                try hold(context.svids.allSatisfy { names.contains($0.id.uri) }, "an SVID is not the one that is named")
                let response = try Self.message(of: context)
                // A bundle whose certificates are all of unknown kinds has nothing to be written.
                guard response.svids.allSatisfy({ !$0.bundle.isEmpty }) else { return }
                let again = try X509Context(response)
                try hold(again.svids.map(\.id) == context.svids.map(\.id), "other SVIDs are read than written")
                try hold(again.bundles == context.bundles, "other bundles are read than written")
                try hold(again.revocationListsDER == context.revocationListsDER, "there are other revocation lists")
            })
    }

    private static func message(of context: X509Context) throws -> X509SVIDResponse {
        var response = X509SVIDResponse()
        for svid in context.svids {
            var message = WorkloadAPIProtos.X509SVID()
            message.spiffeID = svid.id.uri
            message.x509Svid = Data(svid.certificatesDER)
            message.x509SvidKey = Data(svid.privateKeyPKCS8DER)
            let bundle = try found(context.bundles[svid.id.trustDomain], "an SVID has no bundle")
            message.bundle = Data(bundle.x509AuthoritiesDER())
            message.hint = svid.hint
            response.svids.append(message)
        }
        for bundle in context.bundles.all {
            response.federatedBundles[bundle.trustDomain.id.uri] = Data(bundle.x509AuthoritiesDER())
        }
        response.crl = context.revocationListsDER.map { Data($0) }
        return response
    }

    private static func checkHints(_ hints: [String]) throws {
        let hints = hints.filter { !$0.isEmpty }
        try hold(Set(hints).count == hints.count, "a hint is there twice")
        try hold(hints.allSatisfy { $0.utf8.count <= WorkloadAPILimits.maxHintBytes }, "a hint is too long")
    }

    /// Each bundle is named by a trust domain, or by its ID, which has no path.
    private static func checkNames(_ names: some Sequence<String>, of bundles: TrustBundles) throws {
        let grammar = try ReferenceGrammar.trustDomain.get()
        var trustDomains: Set<String> = []
        for name in names {
            let scheme = "spiffe://"
            let bare = name.utf8.starts(with: scheme.utf8) ? name.dropFirst(scheme.count) : name[...]
            try hold(grammar.matches(Array(bare.utf8)), "a bundle is named by what is no trust domain")
            trustDomains.insert(String(bare))
        }
        try hold(bundles.all.map(\.trustDomain.name) == trustDomains.sorted(), "there are other bundles than named")
    }

    /// Responses of FetchX509Bundles.
    static func x509BundlesResponse() throws -> FuzzTarget {
        let documents = try SeedFiles.vectorFiles("trust-bundle", "certificates.der")
        let seeds = documents.map { der in
            var response = X509BundlesResponse()
            response.bundles = ["spiffe://example.org": Data(der), "spiffe://foreign.test": Data()]
            return response
        }
        var path = X509BundlesResponse()
        path.bundles = ["spiffe://example.org/web": Data()]
        return try self.response(
            "x509-bundles-response", seeds: seeds + [path], read: { try TrustBundles($0) },
            check: { bundles, message in
                try Self.checkNames(message.bundles.keys, of: bundles)
                var response = X509BundlesResponse()
                for bundle in bundles.all {
                    try hold(
                        bundle.jwtAuthorities.isEmpty && bundle.witAuthorities.isEmpty, "there are other authorities")
                    response.bundles[bundle.trustDomain.id.uri] = Data(bundle.x509AuthoritiesDER())
                }
                try hold(TrustBundles(response) == bundles, "other bundles are read than written")
            })
    }

    /// Responses of FetchJWTBundles.
    static func jwtBundlesResponse() throws -> FuzzTarget {
        let seeds = try SeedFiles.vectorFiles("trust-bundle", "jwks.json").map { document in
            var response = JWTBundlesResponse()
            response.bundles = ["spiffe://example.org": Data(document)]
            return response
        }
        var path = JWTBundlesResponse()
        path.bundles = ["spiffe://example.org/web": seeds.first?.bundles.values.first ?? Data()]
        return try self.response(
            "jwt-bundles-response", seeds: seeds + [path], dictionary: self.keyDictionary,
            read: { try TrustBundles($0) },
            check: { bundles, message in
                try Self.checkNames(message.bundles.keys, of: bundles)
                var response = JWTBundlesResponse()
                for bundle in bundles.all {
                    try hold(
                        bundle.x509Authorities.isEmpty && bundle.witAuthorities.isEmpty, "there are other authorities")
                    response.bundles[bundle.trustDomain.id.uri] = Data(bundle.jwtKeySet())
                }
                let again = try TrustBundles(response)
                try hold(again.all.map(\.trustDomain) == bundles.all.map(\.trustDomain), "there are other bundles")
                try hold(again.all.map(\.jwtAuthorities) == bundles.all.map(\.jwtAuthorities), "there are other keys")
            })
    }

    /// Responses of FetchWITBundles.
    static func witBundlesResponse() throws -> FuzzTarget {
        let seeds = try SeedFiles.vectorFiles("trust-bundle", "wit-jwks.json").map { document in
            var response = WITBundlesResponse()
            response.bundles = ["spiffe://example.org": document.text]
            return response
        }
        var path = WITBundlesResponse()
        path.bundles = ["spiffe://example.org/web": seeds.first?.bundles.values.first ?? String()]
        return try self.response(
            "wit-bundles-response", seeds: seeds + [path], dictionary: self.keyDictionary,
            read: { try TrustBundles($0) },
            check: { bundles, message in
                try Self.checkNames(message.bundles.keys, of: bundles)
                var response = WITBundlesResponse()
                for bundle in bundles.all {
                    try hold(
                        bundle.x509Authorities.isEmpty && bundle.jwtAuthorities.isEmpty, "there are other authorities")
                    response.bundles[bundle.trustDomain.id.uri] = bundle.witKeySet().text
                }
                let again = try TrustBundles(response)
                try hold(again.all.map(\.trustDomain) == bundles.all.map(\.trustDomain), "there are other bundles")
                try hold(again.all.map(\.witAuthorities) == bundles.all.map(\.witAuthorities), "there are other keys")
            })
    }
}

// Tokens
extension FuzzTarget {
    /// Responses of FetchJWTSVID.
    static func jwtSVIDResponse() throws -> FuzzTarget {
        let messages = try ["jwt-ok", "no-kid", "other-claims", "alg-ES384", "aud-longer"].map { name in
            let vector = SeedFiles.vector("jwt-svid", name)
            var message = WorkloadAPIProtos.JWTSVID()
            message.svid = try vector.bytes("token.txt").text
            message.spiffeID = "spiffe://example.org/web"
            message.hint = name
            return message
        }
        let seeds = [messages.prefix(4), messages.prefix(1), messages.suffix(1)].map { messages in
            var response = JWTSVIDResponse()
            response.svids = Array(messages)
            return response
        }
        let read = { @Sendable (message: JWTSVIDResponse) throws(WorkloadAPIMessageError) in
            try SPIFFE.JWTSVID.parse(
                message, requestedAudience: ["reports"], requestedID: nil, now: FixedAuthority.now)
        }
        return try self.response(
            "jwt-svid-response", seeds: seeds, read: read,
            check: { svids, message in
                try hold((1...WorkloadAPILimits.maxSVIDs).contains(svids.count), "there are no SVIDs, or too many")
                try Self.checkHints(svids.map(\.hint))
                let names = Set(message.svids.map(\.spiffeID))
                try hold(svids.allSatisfy { names.contains($0.id.uri) }, "an SVID is not the one that is named")
                var response = JWTSVIDResponse()
                for svid in svids {
                    try hold(svid.audience.contains("reports"), "an SVID is for others")
                    try hold(svid.expiresAt > FixedAuthority.now, "an SVID has expired")
                    var message = WorkloadAPIProtos.JWTSVID()
                    message.spiffeID = svid.id.uri
                    message.svid = svid.token
                    message.hint = svid.hint
                    response.svids.append(message)
                }
                let again = try read(response)
                try hold(again.map(\.id) == svids.map(\.id), "other SVIDs are read than written")
                try hold(again.map(\.claims) == svids.map(\.claims), "other claims are read than written")
            })
    }

    /// Responses of ValidateJWTSVID.
    static func validateJWTSVIDResponse() throws -> FuzzTarget {
        var seed = ValidateJWTSVIDResponse()
        seed.spiffeID = "spiffe://example.org/web"
        seed.claims = try Google_Protobuf_Struct(
            jsonString: #"{"sub":"spiffe://example.org/web","aud":["reports"],"exp":1767225900,"a":{"b":[null,0.5]}}"#)
        var other = seed
        other.spiffeID = "spiffe://example.org/db"
        return try self.response(
            "validate-jwt-svid-response", seeds: [seed, other], read: { try ValidatedJWTSVID($0) },
            check: { svid, message in
                try hold(message.spiffeID == svid.id.uri, "it is another SPIFFE ID")
                try hold(svid.claims["sub"]?.isString(svid.id.uri) ?? false, "the claims are those of another")
                let text = JSON.serialize(.object(svid.claims))
                let isSame: Bool
                do throws(JSONError) {
                    let again = try JSON.parse(text, maxBytes: .max, maxDepth: JSON.greatestMaxDepth)
                    isSame = again == .object(svid.claims)
                } catch {
                    // protobuf allows more of both.
                    switch error {
                    case .tooDeep, .tooManyValues: isSame = true
                    default: isSame = false
                    }
                }
                try hold(isSame, "other claims are read than written")
            })
    }

    /// Responses of FetchWITSVID.
    static func witSVIDResponse() throws -> FuzzTarget {
        let seeds = try ["ok", "key-ES384", "extra-members"].map { name in
            let vector = SeedFiles.vector("wit-svid-own", name)
            var message = WorkloadAPIProtos.WITSVID()
            message.witSvid = try vector.bytes("token.txt").text
            message.witSvidKey = try vector.bytes("key.json").text
            message.spiffeID = try SPIFFE.WITSVID(
                receivedFromWorkloadAPI: message.witSvid, privateKeyJWK: message.witSvidKey
            ).id.uri
            message.hint = name
            var response = WITSVIDResponse()
            response.svids = [message]
            return response
        }
        var other = seeds[0]
        other.svids[0].witSvidKey = seeds[1].svids[0].witSvidKey
        let read = { @Sendable (message: WITSVIDResponse) throws(WorkloadAPIMessageError) in
            try SPIFFE.WITSVID.parse(message)
        }
        return try self.response(
            "wit-svid-response", seeds: seeds + [other], dictionary: self.keyDictionary, read: read,
            check: { svids, message in
                try hold((1...WorkloadAPILimits.maxSVIDs).contains(svids.count), "there are no SVIDs, or too many")
                try Self.checkHints(svids.map(\.hint))
                let names = Set(message.svids.map(\.spiffeID))
                try hold(svids.allSatisfy { names.contains($0.id.uri) }, "an SVID is not the one that is named")
                let scope = try WorkloadProofScope(target: "https://reports.example.org/a")
                var response = WITSVIDResponse()
                for svid in svids {
                    try hold(svid.privateKey.publicKey == svid.confirmation.publicKey, "the key is another one")
                    if FixedAuthority.now < svid.expiresAt {
                        let shown = try svid.presentation(for: scope, now: FixedAuthority.now)
                        try hold(shown.identityToken == svid.token, "another token is shown than was received")
                    }
                    var message = WorkloadAPIProtos.WITSVID()
                    message.spiffeID = svid.id.uri
                    message.witSvid = svid.token
                    message.witSvidKey = JSON.serialize(.object(svid.privateKey.object())).text
                    message.hint = svid.hint
                    response.svids.append(message)
                }
                let again = try read(response)
                try hold(again.map(\.id) == svids.map(\.id), "other SVIDs are read than written")
                try hold(again.map(\.confirmation) == svids.map(\.confirmation), "other keys are read than written")
            })
    }
}
