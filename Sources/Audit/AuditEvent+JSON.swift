package import FoundationEssentials
package import JOSE

extension AuditEvent {
    /// The longest text of a member; what is longer is cut.
    package static let maxTextBytes = 2_048
    /// The most audiences of one record.
    package static let maxAudiences = 16
    /// The longest line that is read.
    package static let maxLineBytes = 65_536

    /// The record as one line of JSON, with its line break; members without a value are left out.
    package var line: [UInt8] {
        JSON.serialize(.object(self.object)) + [0x0A]
    }

    package var object: JSONObject {
        var object = JSONObject()
        object["time"] = .string(Self.text(of: self.time))
        object["decision"] = .string(self.decision.rawValue)
        object["kind"] = .string(self.kind.rawValue)
        object["reason"] = self.reason.map(Self.safe)
        object["remedy"] = self.remedy.map(Self.safe)
        object["iss"] = self.issuer.map(Self.safe)
        object["kid"] = self.keyID.map(Self.safe)
        object["sub"] = self.subject.map(Self.safe)
        if self.audience.count == 1 {
            object["aud"] = Self.safe(self.audience[0])
        } else if !self.audience.isEmpty {
            object["aud"] = .array(self.audience.prefix(Self.maxAudiences).map(Self.safe))
        }
        object["scope"] = self.scope.map(Self.safe)
        object["jti"] = self.tokenID.map(Self.safe)
        object["serial"] = self.serialNumber.map(Self.safe)
        object["expires_at"] = self.expiresAt.map { .string(Self.text(of: $0)) }
        object["peer"] = self.peer.map(Self.safe)
        object["route"] = Self.safe(self.route)
        object["library"] = self.library.map(Self.safe)
        object["latency_us"] = self.latency.map { .number(JSONNumber(Int64($0 / .microseconds(1)))) }
        object["count"] = self.count.map { .number(JSONNumber($0)) }
        return object
    }

    /// Reads what ``line`` wrote; nil for anything else.
    package init?(line: some Collection<UInt8>) {
        guard let object = (try? JSON.parse(line, maxBytes: Self.maxLineBytes, maxDepth: 2))?.object,
            let time = object["time"]?.string.flatMap(Self.date(of:)),
            let decision = object["decision"]?.string.flatMap(Decision.init(rawValue:)),
            let kind = object["kind"]?.string.flatMap(Kind.init(rawValue:)),
            let route = object["route"]?.string
        else { return nil }
        self.init(time: time, decision: decision, kind: kind, route: route, peer: object["peer"]?.string)
        self.reason = object["reason"]?.string
        self.remedy = object["remedy"]?.string
        self.issuer = object["iss"]?.string
        self.keyID = object["kid"]?.string
        self.subject = object["sub"]?.string
        self.audience = object["aud"]?.strings ?? object["aud"]?.string.map { [$0] } ?? []
        self.scope = object["scope"]?.string
        self.tokenID = object["jti"]?.string
        self.serialNumber = object["serial"]?.string
        self.expiresAt = object["expires_at"]?.string.flatMap(Self.date(of:))
        self.library = object["library"]?.string
        self.latency = object["latency_us"]?.number?.int64.map { .microseconds($0) }
        self.count = object["count"]?.number?.uint64
    }

    private static let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    package static func text(of date: Date) -> String { date.formatted(self.format) }

    private static func date(of text: String) -> Date? { try? Date(text, strategy: self.format) }

    /// The text as it may be written: not too long, and nothing in the shape of a token.
    ///
    /// Peers choose some of it, and might send a token where a name belongs.
    private static func safe(_ text: String) -> JSONValue {
        guard !self.hasTokenShape(text) else { return "<redacted>" }
        guard text.utf8.count > self.maxTextBytes else { return .string(text) }
        return .string(String(decoding: text.utf8.prefix(self.maxTextBytes), as: UTF8.self) + "…")
    }

    /// Whether there is something in the text that begins as a JWS does: a JSON object in base64url, and a dot later.
    private static func hasTokenShape(_ text: String) -> Bool {
        var head = TokenHead()
        for byte in text.utf8 {
            if byte == 0x2E, head.isFound { return true }
            head.append(byte)
        }
        return false
    }
}

/// A run of base64url characters, and whether it may hold the header of a JWS: `{"`, with white space where JSON has it.
///
/// A run may have something before the header that is of the same characters, so that it is read from each of the four
/// places where a group of base64 may begin.
private struct TokenHead {
    /// The shortest header is `{"alg":""}`, 14 characters; a part of one is none.
    private static let minCharacters = 10

    private enum Reading {
        case nothing
        /// White space before the brace, or the beginning.
        case space
        case brace
        case found
    }

    private var readings: [Reading] = Array(repeating: .nothing, count: 4)
    private var count = 0
    /// The values of the last characters, six bits each.
    private var bits: UInt32 = 0

    var isFound: Bool { self.count >= Self.minCharacters && self.readings.contains(.found) }

    mutating func append(_ byte: UInt8) {
        guard let value = Self.value(of: byte) else {
            self = TokenHead()
            return
        }
        self.bits = (self.bits << 6 | UInt32(value)) & 0xFFFF
        for first in self.readings.indices where self.count >= first {
            let place = (self.count - first) % 4
            if place == 0 {
                if self.readings[first] == .nothing { self.readings[first] = .space }
            } else {
                // The second character of a group ends its first byte, and so on: 4, 2 and no bits are left over.
                self.read(UInt8(truncatingIfNeeded: self.bits >> (6 - 2 * place)), &self.readings[first])
            }
        }
        self.count += 1
    }

    private func read(_ byte: UInt8, _ reading: inout Reading) {
        switch (reading, byte) {
        case (.found, _): break
        case (.space, 0x7B), (.brace, 0x7B): reading = .brace
        case (.brace, 0x22), (.brace, 0x7D): reading = .found
        case (.space, 0x20), (.space, 0x09), (.space, 0x0A), (.space, 0x0D), (.brace, 0x20), (.brace, 0x09),
            (.brace, 0x0A), (.brace, 0x0D):
            break
        default: reading = .nothing
        }
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case 0x41...0x5A: character - 0x41
        case 0x61...0x7A: character - 0x61 + 26
        case 0x30...0x39: character - 0x30 + 52
        case 0x2D: 62
        case 0x5F: 63
        default: nil
        }
    }
}
