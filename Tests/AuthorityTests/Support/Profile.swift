import FoundationEssentials
import JOSE
import SwiftASN1
import TestSupport
import Testing
import X509

/// A table of `pki/profiles`; see the README there.
struct Profile {
    let name: String
    let table: JSONObject

    init(_ name: String) throws {
        var directory = URL(filePath: #filePath)
        for _ in 0..<4 { directory.deleteLastPathComponent() }
        let bytes = Array(try Data(contentsOf: directory.appending(path: "pki/profiles/\(name).json")))
        self.name = name
        self.table = try #require(try JSON.parse(bytes, maxBytes: 65_536).object)
    }

    /// The values of the variables.
    typealias Values = [String: JSONValue]

    /// Everything in which a document differs from the table.
    func differences(of certificate: Certificate, keyType: String, values given: Values) throws -> [String] {
        var values = given
        let serialNumber = Array(certificate.serialNumber.bytes)
        values["serialNumber"] = .string(try decimal(serialNumber))
        let subject = certificate.subject.map { "\($0)" }.joined(separator: ",")
        values["subject"] = .string(subject)
        var found = Differences()

        found.compare("version", .number(JSONNumber(certificate.version == .v3 ? 3 : 1)), self.table["version"])
        found.compare("serialNumber bits", isTrue: (1...128).contains(bitCount(serialNumber)))
        found.compare(
            "signatureAlgorithm", .string(try self.signatureAlgorithm(of: certificate)),
            self.table["signatureAlgorithms"]?.object?[keyType])
        let issuer = certificate.issuer.map { "\($0)" }.joined(separator: ",")
        found.compare("issuer", .string(issuer), try self.resolved(self.table["issuer"], values))
        try self.compareSubject(certificate.subject, values, &found)
        for (name, date) in [("notBefore", certificate.notValidBefore), ("notAfter", certificate.notValidAfter)] {
            found.compare(
                name, .number(JSONNumber(Int64(date.timeIntervalSince1970))),
                .number(JSONNumber(try self.time(try #require(self.table[name]?.object), values))))
        }
        try self.compareExtensions(certificate.extensions, values, &found)
        return found.list
    }

    /// Everything in which what `openssl x509 -text` wrote differs from the table.
    func differences(ofText text: String, values: Values) throws -> [String] {
        var found = Differences()
        for piece in try #require(self.table["opensslText"]?.array) {
            let piece = try #require(try self.resolved(piece, values).string)
            found.compare("text '\(piece)'", isTrue: text.contains(piece))
        }
        for piece in try #require(self.table["opensslTextWithout"]?.strings) {
            found.compare("no text '\(piece)'", isTrue: !text.contains(piece))
        }
        return found.list
    }

    /// Everything in which a part of a token, `header` or `claims`, differs from the table.
    func differences(of part: String, _ object: JSONObject, values: Values) throws -> [String] {
        var found = Differences()
        let rows = try #require(self.table[part]?.array).map { try #require($0.object) }
        let expected = rows.filter { $0["when"].map { values["when: \($0.string ?? "")"] == true } ?? true }
        found.compare(
            "\(part) names", .array(object.members.map { .string($0.name) }), .array(expected.compactMap { $0["name"] })
        )
        for row in expected {
            let name = try #require(row["name"]?.string)
            guard let value = object[name] else { continue }
            if let wanted = row["is"] { found.compare(name, value, try self.resolved(wanted, values)) }
            if let pattern = row["matches"]?.string {
                let regex = try Regex(pattern)
                found.compare("\(name) pattern", isTrue: try regex.wholeMatch(in: value.string ?? "") != nil)
            }
            if row["from"] != nil {
                found.compare(name, value, .number(JSONNumber(try self.time(row, values))))
            }
        }
        return found.list
    }

    private func compareSubject(_ subject: DistinguishedName, _ values: Values, _ found: inout Differences) throws {
        let rows = try #require(self.table["subject"]?.array).map { try #require($0.object) }
        let expected = rows.filter { $0["when"] == nil || values["firstDNSName"] != nil }
        found.compare("subject length", isTrue: subject.count == expected.count && subject.allSatisfy { $0.count == 1 })
        for (row, part) in zip(expected, subject.compactMap(\.first)) {
            found.compare("subject type", .string("\(part.type)"), row["oid"])
            found.compare("subject value", .string(String(part.value) ?? ""), try self.resolved(row["is"], values))
            if row["string"] == "printable" {
                let identifier = ASN1Any(part.value)
                var serializer = DER.Serializer()
                try serializer.serialize(identifier)
                found.compare("subject string type", isTrue: serializer.serializedBytes.first == 0x13)
            }
        }
    }

    private func compareExtensions(
        _ extensions: Certificate.Extensions, _ values: Values, _ found: inout Differences
    ) throws {
        let rows = try #require(self.table["extensions"]?.array).map { try #require($0.object) }
        found.compare(
            "extensions", .array(extensions.map { .string("\($0.oid)") }), .array(rows.compactMap { $0["oid"] }))
        for (row, actual) in zip(rows, extensions) {
            let name = row["name"]?.string ?? ""
            found.compare("\(name) critical", .bool(actual.critical), row["critical"])
            if let der = row["der"] {
                found.compare("\(name) value", .string(Array(actual.value).hex), try self.resolved(der, values))
            } else {
                let names = try SubjectAlternativeNames(actual)
                let dns = try self.resolved(row["dns"], values).array ?? []
                let uris = try (row["uri"]?.array ?? []).map { try self.resolved($0, values) }
                let expected =
                    dns.map { GeneralName.dnsName($0.string ?? "") }
                    + uris.map { .uniformResourceIdentifier($0.string ?? "") }
                found.compare("\(name) names", isTrue: Array(names) == expected)
            }
        }
    }

    /// The OID in both places of the certificate, which have to agree.
    private func signatureAlgorithm(of certificate: Certificate) throws -> String {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        let root = try DER.parse(serializer.serializedBytes)
        func children(_ node: ASN1Node) throws -> [ASN1Node] {
            guard case .constructed(let nodes) = node.content else {
                throw ASN1Error.unexpectedFieldType(node.identifier)
            }
            return Array(nodes)
        }
        let parts = try children(root)
        let outer = parts[1]
        let inner = try children(parts[0])[2]
        #expect(outer.encodedBytes == inner.encodedBytes)
        return "\(try ASN1ObjectIdentifier(derEncoded: try children(outer)[0]))"
    }

    private func time(_ row: JSONObject, _ values: Values) throws -> Int64 {
        let from = try #require(try self.resolved(row["from"], values).number?.int64)
        let seconds = try #require(try self.resolved(row["seconds"], values).number?.int64)
        guard let limit = row["atMost"] else { return from + seconds }
        return min(from + seconds, try #require(try self.resolved(limit, values).number?.int64))
    }

    /// A value with the variables in it replaced; text that is nothing but a variable becomes its value.
    private func resolved(_ value: JSONValue?, _ values: Values) throws -> JSONValue {
        let value = try #require(value)
        guard var text = value.string else { return value }
        for (name, replacement) in values {
            if text == "{\(name)}" { return replacement }
            if let string = replacement.string, let range = text.firstRange(of: "{\(name)}") {
                text.replaceSubrange(range, with: string)
            }
        }
        #expect(!text.contains("{"), "a variable without a value in \(text)")
        return .string(text)
    }
}

private struct Differences {
    var list: [String] = []

    mutating func compare(_ what: String, _ value: JSONValue, _ expected: JSONValue?) {
        if value != expected { self.list.append("\(what) is \(value), not \(String(describing: expected))") }
    }

    mutating func compare(_ what: String, isTrue: Bool) {
        if !isTrue { self.list.append(what) }
    }
}

private func bitCount(_ bytes: [UInt8]) -> Int {
    guard let first = bytes.first else { return 0 }
    return bytes.count * 8 - first.leadingZeroBitCount
}

/// Long division, another way than the code under test goes.
private func decimal(_ bytes: [UInt8]) throws -> String {
    var digits: [Int] = []
    var rest = bytes.map(Int.init)
    while rest.contains(where: { $0 != 0 }) {
        var remainder = 0
        rest = rest.map { byte in
            let value = remainder * 256 + byte
            remainder = value % 10
            return value / 10
        }
        digits.append(remainder)
    }
    return digits.isEmpty ? "0" : digits.reversed().map(String.init).joined()
}
