/// The rules of X509-SVID §5.2 and RFC 5280 §4 for a leaf, written a second time over bare DER.
enum ReferenceLeaf {
    private static let subjectAlternativeName: [UInt8] = [0x55, 0x1D, 0x11]
    private static let basicConstraints: [UInt8] = [0x55, 0x1D, 0x13]
    private static let keyUsage: [UInt8] = [0x55, 0x1D, 0x0F]
    /// What may be critical (RFC 5280 §4.2): the above, name constraints, certificate policies with what belongs to them,
    /// and extended key usage.
    private static let known: [[UInt8]] =
        [0x0F, 0x11, 0x13, 0x1E, 0x20, 0x21, 0x24, 0x25, 0x36].map { [0x55, 0x1D, $0] }

    /// The part of a certificate that is signed.
    static func tbsCertificate(of der: [UInt8]) throws -> [UInt8] {
        let whole = try found(ReferenceDER.elements(der[...])?.first, "it is no certificate")
        return try Array(found(ReferenceDER.elements(whole.content)?.first, "it is no certificate").encoded)
    }

    /// The subject of a certificate of version 3.
    static func subject(of der: [UInt8]) throws -> ArraySlice<UInt8> {
        try self.fields(of: self.tbsCertificate(of: der))[5].encoded
    }

    /// Checks a TBSCertificate that was accepted as that of a leaf.
    static func check(_ contents: [UInt8], id: String, issuer: ArraySlice<UInt8>, now: String) throws {
        let fields = try self.fields(of: contents)
        try hold(fields[3].encoded.elementsEqual(issuer), "the issuer is another one")
        let times = try found(ReferenceDER.elements(fields[4].content), "the validity is no DER").map(self.time)
        try hold(times.count == 2 && times[0] <= now && now <= times[1], "it is not valid now: \(times)")
        let serial = fields[1].content
        try hold(serial.drop { $0 == 0 }.count <= 20, "the serial number has \(serial.count) bytes")

        let extensions = try self.extensions(fields)
        try hold(Set(extensions.map(\.identifier)).count == extensions.count, "an extension is there twice")
        for found in extensions where found.isCritical {
            try hold(self.known.contains(found.identifier), "an unknown critical extension is accepted")
        }
        try self.checkNames(extensions.first { $0.identifier == self.subjectAlternativeName }, id: id)
        if let constraints = extensions.first(where: { $0.identifier == self.basicConstraints }) {
            let content = ReferenceDER.elements(constraints.value)?.first.flatMap { ReferenceDER.elements($0.content) }
            let isCA = try found(content, "the basic constraints are no DER").first { $0.tag == 0x01 }
            try hold(isCA?.content.allSatisfy { $0 == 0 } ?? true, "a CA is accepted as a leaf")
        }
        if let usage = extensions.first(where: { $0.identifier == self.keyUsage }) {
            let bits = try found(ReferenceDER.elements(usage.value)?.first, "the key usage is no DER").content
            // keyCertSign and cRLSign (RFC 5280 §4.2.1.3).
            try hold((bits.dropFirst().first ?? 0) & 0x06 == 0, "a leaf may sign certificates")
        }
    }

    private struct Extension {
        let identifier: [UInt8]
        let isCritical: Bool
        let value: ArraySlice<UInt8>
    }

    private static func fields(of contents: [UInt8]) throws -> [ReferenceDER.Element] {
        let whole = try found(ReferenceDER.elements(contents[...])?.first, "what is signed is no DER")
        let fields = try found(ReferenceDER.elements(whole.content), "what is signed is no DER")
        // Version, serial number, algorithm, issuer, validity, subject, key.
        try hold(fields.count >= 7 && fields[0].tag == 0xA0, "it is no certificate of version 3")
        return fields
    }

    private static func extensions(_ fields: [ReferenceDER.Element]) throws -> [Extension] {
        let list = try found(fields.first { $0.tag == 0xA3 }, "there are no extensions")
        let whole = try found(ReferenceDER.elements(list.content)?.first, "the extensions are no DER")
        return try found(ReferenceDER.elements(whole.content), "the extensions are no DER").map { element in
            let parts = try found(ReferenceDER.elements(element.content), "an extension is no DER")
            try hold((2...3).contains(parts.count), "an extension has \(parts.count) parts")
            let critical = parts.count == 3 && parts[1].content.contains { $0 != 0 }
            return Extension(
                identifier: Array(parts[0].content), isCritical: critical, value: parts[parts.count - 1].content)
        }
    }

    private static func checkNames(_ names: Extension?, id: String) throws {
        let whole = try found(names.flatMap { ReferenceDER.elements($0.value) }?.first, "there are no names")
        let uris = try found(ReferenceDER.elements(whole.content), "the names are no DER").filter { $0.tag == 0x86 }
        try hold(uris.count == 1, "there are \(uris.count) URI names")
        try hold(uris.allSatisfy { $0.content.elementsEqual(id.utf8) }, "the ID is another than the name")
        let grammar = try ReferenceGrammar.spiffeID.get()
        try hold(grammar.matches(Array(id.utf8)), "the name is no SPIFFE ID")
        try hold(id.utf8.dropFirst("spiffe://".utf8.count).contains(UInt8(ascii: "/")), "the ID has no path")
    }

    /// A time with four digits for the year (RFC 5280 §4.1.2.5), whose order is that of its text.
    private static func time(_ element: ReferenceDER.Element) -> String {
        let text = String(decoding: element.content, as: UTF8.self)
        guard element.tag == 0x17 else { return text }
        return (text < "50" ? "20" : "19") + text
    }
}
