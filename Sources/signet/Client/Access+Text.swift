import ControlPlaneProtos
import FoundationEssentials

extension Signet_Server_V1_Service {
    /// The service as `service show` prints it.
    var text: String {
        var lines = [("Name", self.name), ("SPIFFE ID", self.spiffeID), ("Audience", self.audience)]
        lines += self.owners.map { ("Owner", $0) }
        if !self.description_p.isEmpty { lines.append(("Description", self.description_p)) }
        lines += [
            ("Binding", self.binding.text), ("Created by", self.createdBy),
            ("Created at", Date(unixSeconds: self.createdAt).text),
        ]
        return TextTable.lines(lines)
    }
}

extension Signet_Server_V1_Grant {
    /// The grant as `grant show` prints it.
    var text: String {
        var lines = [
            ("Grant ID", self.id), ("Caller", self.caller), ("Service", self.service),
            ("Scopes", self.scopes.joined(separator: " ")),
            ("Token lifetime", self.maximumLifetime == 0 ? "default" : "\(self.maximumLifetime)"),
        ]
        if self.notAfter != 0 { lines.append(("Ends at", Date(unixSeconds: self.notAfter).text)) }
        if !self.reason.isEmpty { lines.append(("Reason", self.reason)) }
        lines += [("Created by", self.createdBy), ("Created at", Date(unixSeconds: self.createdAt).text)]
        return TextTable.lines(lines)
    }
}

extension Signet_Server_V1_TestGrantResponse {
    /// The decision as `grant test` prints it.
    var text: String {
        guard self.granted else {
            return TextTable.lines([("Decision", "refused"), ("Reason", self.reason), ("Because", self.explanation)])
        }
        return TextTable.lines([
            ("Decision", "granted"), ("Audience", self.audience), ("Scopes", self.scopes.joined(separator: " ")),
            ("Lifetime", "\(self.lifetime)"), ("Binding", self.binding.text), ("Because", self.explanation),
        ])
    }
}

extension Signet_Server_V1_Binding {
    var text: String {
        switch self {
        case .identity: "identity"
        case .certificate: "certificate"
        case .UNRECOGNIZED(let value): "\(value)"
        }
    }
}
