import JOSE
import SPIFFE
import SwiftProtobuf
package import WorkloadAPIProtos

extension ValidatedJWTSVID {
    /// Reads a response of ValidateJWTSVID (SPIFFE Workload API §6.2.3).
    package init(_ message: ValidateJWTSVIDResponse) throws(WorkloadAPIMessageError) {
        guard !message.spiffeID.isEmpty else { throw .missing(field: "spiffe_id") }
        guard message.hasClaims else { throw .missing(field: "claims") }
        let id = try SPIFFEID(parsing: message.spiffeID, field: "spiffe_id")
        let claims = try JSONObject(message.claims)
        guard let subject = claims["sub"], subject.isString(id.uri) else { throw .malformedClaims }
        self.init(id: id, claims: claims)
    }
}

extension JSONObject {
    /// The members in the order of their names: a map of protobuf has none.
    fileprivate init(_ message: Google_Protobuf_Struct) throws(WorkloadAPIMessageError) {
        self.init()
        for (name, value) in message.fields.sorted(by: { $0.key < $1.key }) {
            self[name] = try JSONValue(value)
        }
    }
}

extension JSONValue {
    /// The nesting is bounded: protobuf's decoder refuses more than 100 levels.
    fileprivate init(_ message: Google_Protobuf_Value) throws(WorkloadAPIMessageError) {
        switch message.kind {
        case .nullValue, nil: self = .null
        case .boolValue(let value): self = .bool(value)
        case .stringValue(let value): self = .string(value)
        case .numberValue(let value): self = try JSONValue(number: value)
        case .listValue(let list):
            var elements: [JSONValue] = []
            for element in list.values { elements.append(try JSONValue(element)) }
            self = .array(elements)
        case .structValue(let object): self = .object(try JSONObject(object))
        }
    }

    private init(number: Double) throws(WorkloadAPIMessageError) {
        if let integer = Int64(exactly: number) {
            self = .number(JSONNumber(integer))
        } else {
            // Neither infinities nor NaN are JSON: the parser refuses them.
            do { self = try JSON.parse("\(number)".utf8, maxBytes: 64) } catch { throw .malformedClaims }
        }
    }
}
