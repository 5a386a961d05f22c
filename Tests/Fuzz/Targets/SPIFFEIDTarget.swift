import SPIFFE
import TestSupport

extension FuzzTarget {
    /// SPIFFE IDs and their parts: what is accepted is what the grammar says, and is written as it was.
    static func spiffeID() throws -> FuzzTarget {
        let (id, trustDomain) = try (ReferenceGrammar.spiffeID.get(), ReferenceGrammar.trustDomain.get())
        let path = try ReferenceGrammar.path.get()
        let example = try TrustDomain(parsing: "example.org")
        return try FuzzTarget(
            "spiffe-id", maxBytes: SPIFFEID.maxBytes, seeds: SeedFiles.vectorFiles("spiffe-id", "input.txt"),
            dictionary: [
                "spiffe://", "SPIFFE://", "example.org", "/", "//", "/.", "/..", "/...", "%2e", "@", ":443", "?",
            ]
        ) { input in
            let parsed = try? SPIFFEID(parsing: input)
            try hold((parsed != nil) == id.matches(input), "a SPIFFE ID is \(parsed == nil ? "refused" : "accepted")")
            if let parsed {
                try hold(Array(parsed.uri.utf8) == input, "the ID is written as \(parsed.uri)")
                try hold("\(parsed)" == parsed.uri, "the description is \(parsed)")
                let name = parsed.trustDomain.name
                let again = try SPIFFEID(trustDomain: TrustDomain(parsing: name), path: parsed.path)
                try hold(again == parsed && again.uri == parsed.uri, "the parts of the ID make another one: \(again)")
                try hold(TrustDomain(nameOrID: parsed.uri) == parsed.trustDomain, "the trust domain is another one")
            }

            guard let text = String(validating: input, as: UTF8.self) else { return parsed != nil }
            try hold((try? SPIFFEID(parsing: text)) == parsed, "text and bytes are not the same ID")
            let named = try? TrustDomain(parsing: text)
            try hold((named != nil) == trustDomain.matches(input), "a name is \(named == nil ? "refused" : "accepted")")
            try hold(named.map { Array($0.name.utf8) == input } ?? true, "the trust domain is another one")
            let below = try? SPIFFEID(trustDomain: example, path: text)
            let fits = example.id.uri.utf8.count + input.count <= SPIFFEID.maxBytes
            try hold(
                (below != nil) == (fits && path.matches(input)), "a path is \(below == nil ? "refused" : "accepted")")
            return parsed != nil
        }
    }
}
