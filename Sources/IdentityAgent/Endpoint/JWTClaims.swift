import JOSE
import SPIFFE
import SwiftProtobuf

/// The claims of a validated JWT-SVID as ValidateJWTSVID returns them.
enum JWTClaims {
    /// The claims of RFC 7519 §4.1.
    ///
    /// What others mean is known only inside the trust domain that issued the token.
    private static let registered: Set<String> = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]

    /// The claims as a struct; `aud` is a list in any case, numbers are doubles.
    ///
    /// - Parameter isForeign: Whether the token is of another trust domain; its private claims are left out.
    static func proto(of svid: SPIFFE.JWTSVID, isForeign: Bool) -> Google_Protobuf_Struct {
        var proto = Google_Protobuf_Struct()
        for (name, value) in svid.claims.members where !isForeign || self.registered.contains(name) {
            proto.fields[name] = self.proto(value)
        }
        proto.fields["aud"] = self.proto(.array(svid.audience.map { .string($0) }))
        return proto
    }

    private static func proto(_ value: JSONValue) -> Google_Protobuf_Value {
        switch value {
        case .null: Google_Protobuf_Value(nilLiteral: ())
        case .bool(let value): Google_Protobuf_Value(boolValue: value)
        // A number that no double comes near is told as it stands.
        case .number(let value):
            value.double.map(Google_Protobuf_Value.init(numberValue:)) ?? Google_Protobuf_Value(stringValue: value.text)
        case .string(let value): Google_Protobuf_Value(stringValue: value)
        case .array(let values):
            Google_Protobuf_Value(listValue: .with { $0.values = values.map(Self.proto(_:)) })
        case .object(let object):
            Google_Protobuf_Value(
                structValue: .with { result in
                    for (name, value) in object.members { result.fields[name] = Self.proto(value) }
                })
        }
    }
}
