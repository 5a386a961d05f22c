import ControlPlaneProtos
import FoundationEssentials
import Registration
import SPIFFE

extension Spire_Api_Types_SPIFFEID {
    /// Parses a SPIFFE ID given on the command line.
    init(argument text: String, option: String) throws {
        let id: SPIFFEID
        do {
            id = try SPIFFEID(parsing: text)
        } catch {
            throw UsageError("\(option): '\(text)' is not a SPIFFE ID: \(error)")
        }
        self.init()
        self.trustDomain = id.trustDomain.name
        self.path = id.path
    }

    var text: String { "spiffe://\(self.trustDomain)\(self.path)" }
}

extension Spire_Api_Types_Selector {
    /// Parses a selector `type:value`.
    init(argument text: String, option: String = "--selector") throws {
        let selector: Selector
        do {
            selector = try Selector(parsing: text)
        } catch {
            throw UsageError("\(option): '\(text)': \(error)")
        }
        self.init()
        self.type = selector.type
        self.value = selector.value
    }

    var text: String { "\(self.type):\(self.value)" }
}

extension Spire_Api_Types_Entry {
    /// The entry as `entry show` prints it.
    var text: String {
        var lines = [
            ("Entry ID", self.id), ("SPIFFE ID", self.spiffeID.text), ("Parent ID", self.parentID.text),
            ("Revision", "\(self.revisionNumber)"), ("X509-SVID TTL", Self.ttl(self.x509SvidTtl)),
            ("JWT-SVID TTL", Self.ttl(self.jwtSvidTtl)),
        ]
        if self.expiresAt != 0 { lines.append(("Expiration time", Date(unixSeconds: self.expiresAt).text)) }
        lines += self.selectors.map { ("Selector", $0.text) }
        lines += self.federatesWith.map { ("FederatesWith", $0) }
        lines += self.dnsNames.map { ("DNS name", $0) }
        if self.admin { lines.append(("Admin", "true")) }
        if self.downstream { lines.append(("Downstream", "true")) }
        if self.storeSvid { lines.append(("StoreSvid", "true")) }
        if !self.hint.isEmpty { lines.append(("Hint", self.hint)) }
        return TextTable.lines(lines)
    }

    private static func ttl(_ seconds: Int32) -> String {
        seconds == 0 ? "default" : "\(seconds)"
    }
}

extension Spire_Api_Types_Agent {
    /// The agent as `agent list` prints it.
    var text: String {
        var lines = [
            ("SPIFFE ID", self.id.text), ("Attestation type", self.attestationType),
            ("Expiration time", Date(unixSeconds: self.x509SvidExpiresAt).text),
            ("Serial number", self.x509SvidSerialNumber), ("Can re-attest", "\(self.canReattest)"),
        ]
        if !self.agentVersion.isEmpty { lines.append(("Agent version", self.agentVersion)) }
        if self.banned { lines.append(("Banned", "true")) }
        lines += self.selectors.map { ("Selector", $0.text) }
        return TextTable.lines(lines)
    }
}

/// Names and values under each other, the colons in one column.
enum TextTable {
    static func lines(_ rows: [(name: String, value: String)]) -> String {
        let width = max(16, rows.map(\.name.count).max() ?? 0)
        return rows.map { name, value in
            "\(name)\(String(repeating: " ", count: width - name.count)) : \(value.oneLine)\n"
        }.joined()
    }
}
