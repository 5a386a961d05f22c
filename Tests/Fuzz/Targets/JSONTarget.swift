import Foundation
import JOSE

extension FuzzTarget {
    private static let maxJSONBytes = 4_096
    static let jsonDictionary = [
        "{", "}", "[", "]", ":", ",", "\"", "null", "true", "false", "-0", "1e5", "0.5", "\\u00e9", "\\ud83d\\ude00",
        "\\ud800", "\\\\", "\\\"", "\\u0000", "\u{e9}", "9223372036854775808", "18446744073709551615", "1E400",
    ]

    /// JSON: what is accepted is JSON to Foundation, too, with the same values, and is read again as it is written.
    static func json() throws -> FuzzTarget {
        let texts = [
            #"{"spiffe_sequence":18446744073709551615,"keys":[{"kty":"EC","x5c":["MIIB"],"use":"x509-svid"},null]}"#,
            #"{"sub":"spiffe://example.org/web","aud":["reports"],"exp":4102444800.5,"a\u0000\ud83d\ude00":-1.5E+10}"#,
            #"[[[[[[[["\u00e9\\\"é€😀"]]]]]],true,false,{}],1e-5]"#, "\t\"\\b\\f\\n\\r\\t\\/\" \r\n", "-0.0e-1",
        ]
        return try FuzzTarget(
            "json", maxBytes: self.maxJSONBytes, seeds: texts.map { Array($0.utf8) }, dictionary: self.jsonDictionary
        ) { input in
            let theirs = try? JSONSerialization.jsonObject(with: Data(input), options: .fragmentsAllowed)
            let ours: JSONValue
            do throws(JSONError) {
                ours = try JSON.parse(input, maxBytes: Self.maxJSONBytes)
            } catch {
                let isLiberty = ReferenceJSON.isLiberty(error, input)
                try hold(theirs == nil || isLiberty, "what is JSON to Foundation is refused: \(error)")
                return false
            }
            if let theirs {
                try hold(ReferenceJSON.isSame(ours, theirs), "Foundation reads other values")
            } else {
                try hold(ReferenceJSON.hasGreatNumber(ours), "what is no JSON to Foundation is accepted")
            }
            for pretty in [false, true] {
                let written = JSON.serialize(ours, pretty: pretty)
                try hold(JSON.parse(written, maxBytes: .max) == ours, "other values are read than were written")
            }
            let sorted = JSON.serialize(ours, sorted: true)
            let again = try JSON.parse(sorted, maxBytes: .max)
            try hold(JSON.serialize(again) == sorted, "sorting changes what is sorted")
            return true
        }
    }
}
