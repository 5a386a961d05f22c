import ControlPlaneProtos
import FoundationEssentials
import Yams

/// An owner's services and the grants to them, as one YAML file.
///
/// ```yaml
/// owner: team-payments
/// services:
///   - name: payments
///     spiffe_id: spiffe://example.org/payments
///     description: Takes money.
///     grants:
///       - caller: spiffe://example.org/orders
///         scopes: [payments:create]
///         not_after: 2026-12-31T18:00:00Z
///         reason: CHG-1234
/// ```
enum PolicyFile {
    static let maxBytes = 4_194_304
    /// The most services, and grants.
    static let maxItems = 5_000

    static func read(_ path: String, now: Date) throws -> Signet_Server_V1_ApplyPolicyRequest {
        let bytes: [UInt8]
        do throws(InputFileError) {
            bytes = try InputFile.read(path, maxBytes: Self.maxBytes)
        } catch {
            throw UsageError("--file: cannot read \(path): \(error.reason)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw UsageError("\(path): not UTF-8")
        }
        return try Self.parse(text, path: path, now: now)
    }

    static func parse(_ text: String, path: String, now: Date) throws -> Signet_Server_V1_ApplyPolicyRequest {
        let root: Node?
        do {
            root = try compose(yaml: text)
        } catch {
            throw UsageError("\(path): not YAML: \(error)")
        }
        let file = try Fields(root, at: path, known: ["owner", "services"])
        var request = Signet_Server_V1_ApplyPolicyRequest()
        request.owner = try file.requiredText("owner")
        for (index, node) in try file.list("services").enumerated() {
            let place = "\(path): services[\(index)]"
            let fields = try Fields(
                node, at: place,
                known: ["name", "spiffe_id", "audience", "owners", "description", "binding", "grants"])
            let service = try Self.service(fields)
            request.services.append(service)
            var places: [Signet_Server_V1_Grant: Int] = [:]
            for (index, node) in try fields.list("grants").enumerated() {
                let grant = try Self.grant(node, to: service.name, at: "\(place).grants[\(index)]", now: now)
                if let first = places.updateValue(index, forKey: Self.substance(of: grant)) {
                    throw UsageError("\(place).grants[\(index)]: gives the same as grants[\(first)]")
                }
                request.grants.append(grant)
                guard request.grants.count <= Self.maxItems else {
                    throw UsageError("\(path): more than \(Self.maxItems) grants")
                }
            }
            guard request.services.count <= Self.maxItems else {
                throw UsageError("\(path): more than \(Self.maxItems) services")
            }
        }
        return request
    }

    /// What makes two grants the same: all but the reason and the order of the scopes.
    private static func substance(of grant: Signet_Server_V1_Grant) -> Signet_Server_V1_Grant {
        var grant = grant
        grant.reason = ""
        grant.scopes = Set(grant.scopes).sorted()
        return grant
    }

    private static func service(_ fields: Fields) throws -> Signet_Server_V1_Service {
        var service = Signet_Server_V1_Service()
        service.name = try fields.requiredText("name")
        service.spiffeID = try fields.requiredText("spiffe_id")
        service.audience = try fields.text("audience") ?? ""
        service.owners = try fields.texts("owners")
        service.description_p = try fields.text("description") ?? ""
        let binding = try fields.text("binding") ?? BindingOption.identity.rawValue
        guard let option = BindingOption(rawValue: binding) else {
            throw UsageError("\(fields.place).binding: '\(binding)' is neither identity nor certificate")
        }
        service.binding = option.proto
        return service
    }

    private static func grant(
        _ node: Node, to service: String, at place: String, now: Date
    ) throws -> Signet_Server_V1_Grant {
        let fields = try Fields(
            node, at: place, known: ["caller", "scopes", "maximum_lifetime", "not_after", "reason"])
        var grant = Signet_Server_V1_Grant()
        grant.service = service
        grant.caller = try fields.requiredText("caller")
        grant.scopes = try fields.texts("scopes")
        if let text = try fields.text("maximum_lifetime") {
            grant.maximumLifetime = try MomentText.seconds(text, option: "\(place).maximum_lifetime")
        }
        if let text = try fields.text("not_after") {
            // A duration would move the end at every application.
            guard DurationText.parse(text) == nil else {
                throw UsageError("\(place).not_after: '\(text)' is not a time as 2026-12-31T18:00:00Z")
            }
            grant.notAfter = try MomentText.parse(text, option: "\(place).not_after", now: now)
        }
        grant.reason = try fields.text("reason") ?? ""
        return grant
    }
}

/// The members of a YAML mapping, all of them known.
private struct Fields {
    let place: String
    private var nodes: [String: Node] = [:]

    init(_ node: Node?, at place: String, known: [String]) throws {
        guard let mapping = node?.mapping else { throw UsageError("\(place): expected fields, as '\(known[0]):'") }
        self.place = place
        for (key, value) in mapping {
            let name = key.scalar?.string ?? ""
            guard known.contains(name) else {
                let nearest = NearestName.of(name, among: known).map { "; did you mean \($0)?" } ?? ""
                throw UsageError("\(place): unknown field '\(name)'\(nearest)")
            }
            self.nodes[name] = value
        }
    }

    func text(_ name: String) throws -> String? {
        guard let node = self.nodes[name] else { return nil }
        guard let scalar = node.scalar else { throw UsageError("\(self.place).\(name): expected text") }
        return scalar.string
    }

    func requiredText(_ name: String) throws -> String {
        guard let text = try self.text(name), !text.isEmpty else {
            throw UsageError("\(self.place).\(name): must be given")
        }
        return text
    }

    func list(_ name: String) throws -> [Node] {
        guard let node = self.nodes[name] else { return [] }
        guard let sequence = node.sequence else { throw UsageError("\(self.place).\(name): expected a list") }
        return Array(sequence)
    }

    func texts(_ name: String) throws -> [String] {
        try self.list(name).map { node in
            guard let scalar = node.scalar else { throw UsageError("\(self.place).\(name): expected texts") }
            return scalar.string
        }
    }
}
