import SPIFFE

/// The rules of X509-SVID §5.2 and RFC 5280 §4 for a leaf, written a second time over bare DER.
struct ReferenceLeaf {
    /// The subject of the only authority.
    let issuer: ArraySlice<UInt8>
    /// The name of its trust domain.
    let trustDomain: String
    /// With four digits for the year.
    let now: String

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

    /// Whether what is refused with an error breaks a rule that is not written here: of how extensions, keys and
    /// algorithms are encoded, and of which there are.
    static func isBeyond(_ error: X509SVIDError) -> Bool {
        switch error {
        case .emptyChain, .malformedCertificate, .malformedExtension, .unsupportedSignature: true
        default: false
        }
    }

    /// Checks a TBSCertificate as that of a leaf.
    ///
    /// - Returns: The SPIFFE ID.
    func check(_ contents: [UInt8]) throws -> String {
        let fields = try Self.fields(of: contents)
        try hold(fields[3].encoded.elementsEqual(self.issuer), "the issuer is another one")
        let times = try found(ReferenceDER.elements(fields[4].content), "the validity is no DER").map(Self.time)
        try hold(
            times.count == 2 && times[0] <= self.now && self.now <= times[1], "it is not valid now: \(times)")
        let serial = fields[1].content
        try hold(serial.drop { $0 == 0 }.count <= 20, "the serial number has \(serial.count) bytes")

        let extensions = try Self.extensions(fields)
        try hold(Set(extensions.map(\.identifier)).count == extensions.count, "an extension is there twice")
        for found in extensions where found.isCritical {
            try hold(Self.known.contains(found.identifier), "an unknown critical extension is accepted")
        }
        if let constraints = extensions.first(where: { $0.identifier == Self.basicConstraints }) {
            let content = ReferenceDER.elements(constraints.value)?.first.flatMap { ReferenceDER.elements($0.content) }
            let isCA = try found(content, "the basic constraints are no DER").first { $0.tag == 0x01 }
            try hold(isCA?.content.allSatisfy { $0 == 0 } ?? true, "a CA is accepted as a leaf")
        }
        if let usage = extensions.first(where: { $0.identifier == Self.keyUsage }) {
            let bits = try found(ReferenceDER.elements(usage.value)?.first, "the key usage is no DER").content
            // keyCertSign and cRLSign (RFC 5280 §4.2.1.3).
            try hold((bits.dropFirst().first ?? 0) & 0x06 == 0, "a leaf may sign certificates")
        }
        return try self.id(in: extensions.first { $0.identifier == Self.subjectAlternativeName })
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

    private func id(in names: Extension?) throws -> String {
        let whole = try found(names.flatMap { ReferenceDER.elements($0.value) }?.first, "there are no names")
        let uris = try found(ReferenceDER.elements(whole.content), "the names are no DER").filter { $0.tag == 0x86 }
        try hold(uris.count == 1, "there are \(uris.count) URI names")
        let name = try found(uris.first, "there is no URI name").content
        let grammar = try ReferenceGrammar.spiffeID.get()
        try hold(grammar.matches(Array(name)), "the name is no SPIFFE ID")
        let id = String(decoding: name, as: UTF8.self)
        let rest = id.utf8.dropFirst("spiffe://".utf8.count)
        try hold(rest.contains(UInt8(ascii: "/")), "the ID has no path")
        try hold(
            rest.prefix { $0 != UInt8(ascii: "/") }.elementsEqual(self.trustDomain.utf8), "the trust domain is another")
        return id
    }

    /// A time with four digits for the year (RFC 5280 §4.1.2.5), whose order is that of its text.
    private static func time(_ element: ReferenceDER.Element) -> String {
        let text = String(decoding: element.content, as: UTF8.self)
        guard element.tag == 0x17 else { return text }
        return (text < "50" ? "20" : "19") + text
    }
}
