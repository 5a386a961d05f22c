import Foundation
import IdentityServer
import SPIFFE
import ServiceAuthorization

extension FuzzTarget {
    /// The `Authorization` headers of a request, one line each.
    static func authorizationHeader() throws -> FuzzTarget {
        let grammar = try ReferenceGrammar.bearer.get()
        let seeds = [
            "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "bearer  a==", "Basic YTpi", "Bearer a\nBearer b", "Bearer ",
        ]
        return try FuzzTarget(
            "authorization-header", maxBytes: .max, seeds: seeds.map { Array($0.utf8) },
            dictionary: ["Bearer ", "BEARER ", "Basic ", "=", "\n", ",", "\t"]
        ) { input in
            guard let text = String(validating: input, as: UTF8.self) else { return false }
            let values = text.isEmpty ? [] : text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
            let token = try? BearerCredentials.token(authorization: values.map { String(Substring($0)) })
            let isBearer = values.count == 1 && grammar.matches(input)
            try hold((token != nil) == isBearer, "a header is \(token == nil ? "refused" : "accepted")")
            guard let token else { return false }
            try hold(text.hasSuffix(" " + token) && !token.contains(" "), "another token is taken out: \(token)")
            return true
        }
    }

    /// The forms that OAuth endpoints read: what Foundation decodes is what we decode.
    static func oauthForm() throws -> FuzzTarget {
        let seeds = [
            "grant_type=client_credentials&scope=payments%3Acreate+payments%3aread&resource=a&resource=b",
            "token=eyJ.e30.c2ln&token_type_hint=access_token&&empty=&bare", "audience=%E2%82%AC%F0%9F%98%80&x=%2",
            "a=1&a=2",
        ]
        return try FuzzTarget(
            "oauth-form", maxBytes: FormParameters.maxBytes, seeds: seeds.map { Array($0.utf8) },
            dictionary: [
                "&", "=", "+", "%", "%00", "%c3%a9", "%C3", "%26", "%3D", "resource=", "audience=", "grant_type=",
            ]
        ) { input in
            let ours = try? FormParameters(parsing: input)
            let theirs = Self.form(input)
            try hold((ours != nil) == (theirs != nil), "a form is \(ours == nil ? "refused" : "accepted")")
            guard let ours, let theirs else { return false }
            for (name, values) in theirs {
                let texts = values.filter { !$0.isEmpty }.map { Array($0.utf8) }
                try hold(ours.all(name).map { Array($0.utf8) } == texts, "a parameter has other values")
                try hold(ours[name].map { Array($0.utf8) } == texts.first, "a parameter has another value")
                try hold(values.count == 1 || ["resource", "audience"].contains(name), "a parameter comes twice")
            }
            return true
        }
    }

    /// A form as Foundation decodes it; nil when it is none.
    private static func form(_ input: [UInt8]) -> [String: [String]]? {
        guard input.count <= 65_536 else { return nil }
        // What is not ASCII stands for itself, as if it were percent-encoded.
        let text = input.map { $0 < 0x80 ? String(Unicode.Scalar($0)) : "%" + String($0, radix: 16) }.joined()
        let pairs = text.utf8.split(separator: UInt8(ascii: "&"))
        guard pairs.count <= 64 else { return nil }
        var form: [String: [String]] = [:]
        for pair in pairs {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let texts = parts.map { Self.decoded(String(Substring($0))) }
            guard let first = texts.first, let name = first, let value = texts.count == 2 ? texts[1] : "" else {
                return nil
            }
            guard form[name] == nil || name == "resource" || name == "audience" else { return nil }
            form[name, default: []].append(value)
        }
        return form
    }

    /// A part of a form as Foundation decodes it.
    private static func decoded(_ part: String) -> String? {
        let text = part.replacingOccurrences(of: "+", with: " ").removingPercentEncoding
        // Foundation puts a replacement character in the place of some bytes that are not UTF-8.
        let replacements = text?.unicodeScalars.count { $0 == "\u{FFFD}" }
        let written = part.lowercased().components(separatedBy: "%ef%bf%bd").count - 1
        return replacements == written ? text : nil
    }
}
