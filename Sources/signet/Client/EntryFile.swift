import ControlPlaneProtos
import JOSE

/// Entries from a JSON file, in the form SPIRE's `-data` reads: SPIFFE IDs as text, selectors as type and value.
enum EntryFile {
    static let maxBytes = 16_777_216

    static func read(_ path: String) throws -> [Spire_Api_Types_Entry] {
        let bytes: [UInt8]
        do throws(InputFileError) {
            bytes = try InputFile.read(path, maxBytes: Self.maxBytes)
        } catch {
            throw UsageError("--data: cannot read \(path): \(error.reason)")
        }
        return try Self.parse(bytes)
    }

    static func parse(_ bytes: [UInt8]) throws -> [Spire_Api_Types_Entry] {
        do {
            guard case .object(let root) = try JSON.parse(bytes, maxBytes: Self.maxBytes),
                case .array(let items)? = root["entries"]
            else { throw UsageError("--data: expected {\"entries\": […]}") }
            try Self.refuseFields(of: root, besides: ["entries"], at: nil)
            return try items.enumerated().map { index, item in
                guard case .object(let object) = item else {
                    throw UsageError("--data: entries[\(index)] is not an object")
                }
                return try Self.entry(object, at: "entries[\(index)]")
            }
        } catch let error as JSONError {
            throw UsageError("--data: not JSON: \(error)")
        }
    }

    private static func entry(_ object: JSONObject, at place: String) throws -> Spire_Api_Types_Entry {
        var entry = Spire_Api_Types_Entry()
        for (name, value) in object.members {
            let field = "\(place).\(name)"
            switch name {
            case "entry_id", "id": entry.id = try Self.text(value, field)
            case "spiffe_id": entry.spiffeID = try Self.id(value, field)
            case "parent_id": entry.parentID = try Self.id(value, field)
            case "selectors": entry.selectors = try Self.selectors(value, field)
            case "x509_svid_ttl", "ttl": entry.x509SvidTtl = try Self.seconds(value, field)
            case "jwt_svid_ttl": entry.jwtSvidTtl = try Self.seconds(value, field)
            case "federates_with": entry.federatesWith = try Self.texts(value, field)
            case "dns_names": entry.dnsNames = try Self.texts(value, field)
            case "hint": entry.hint = try Self.text(value, field)
            case "expires_at", "entryExpiry": entry.expiresAt = try Self.number(value, field)
            case "admin": entry.admin = try Self.flag(value, field)
            case "downstream": entry.downstream = try Self.flag(value, field)
            case "store_svid": entry.storeSvid = try Self.flag(value, field)
            case "additional_attributes": try Self.addAttributes(value, to: &entry, field)
            case "revision_number", "created_at": continue
            default: throw UsageError("--data: unknown field \(field)")
            }
        }
        for name in ["spiffe_id", "parent_id", "selectors"] where object[name] == nil {
            throw UsageError("--data: \(place).\(name) is required")
        }
        return entry
    }

    private static func addAttributes(_ value: JSONValue, to entry: inout Spire_Api_Types_Entry, _ field: String) throws
    {
        guard case .object(let object) = value else { throw UsageError("--data: \(field): expected an object") }
        for (name, value) in object.members {
            let field = "\(field).\(name)"
            switch name {
            case "disable_x509_svid_prefetch":
                entry.additionalAttributes.disableX509SvidPrefetch = try Self.flag(value, field)
            case "jwt_svid_include_jti": entry.additionalAttributes.jwtSvidIncludeJti = try Self.flag(value, field)
            default: throw UsageError("--data: unknown field \(field)")
            }
        }
    }

    private static func refuseFields(of object: JSONObject, besides known: Set<String>, at place: String?) throws {
        guard let unknown = object.members.first(where: { !known.contains($0.name) })?.name else { return }
        throw UsageError("--data: unknown field \(place.map { "\($0)." } ?? "")\(unknown)")
    }

    private static func selectors(_ value: JSONValue, _ field: String) throws -> [Spire_Api_Types_Selector] {
        try Self.items(value, field).enumerated().map { index, item in
            let place = "\(field)[\(index)]"
            guard case .object(let object) = item, let type = object["type"], let selector = object["value"] else {
                throw UsageError("--data: \(place): expected type and value")
            }
            try Self.refuseFields(of: object, besides: ["type", "value"], at: place)
            let name = try Self.text(type, "\(place).type")
            // Joined with the value it would be another selector.
            guard !name.contains(":") else {
                let better = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                throw UsageError(
                    "--data: \(place).type: '\(name)' contains ':'; the type is '\(better[0])', and the value begins "
                        + "with '\(better[1]):'")
            }
            return try .init(
                argument: "\(name):\(Self.text(selector, "\(place).value"))", option: "--data: \(place)")
        }
    }

    private static func id(_ value: JSONValue, _ field: String) throws -> Spire_Api_Types_SPIFFEID {
        try .init(argument: Self.text(value, field), option: "--data: \(field)")
    }

    private static func items(_ value: JSONValue, _ field: String) throws -> [JSONValue] {
        guard case .array(let items) = value else { throw UsageError("--data: \(field): expected a list") }
        return items
    }

    private static func texts(_ value: JSONValue, _ field: String) throws -> [String] {
        try Self.items(value, field).map { try Self.text($0, field) }
    }

    private static func text(_ value: JSONValue, _ field: String) throws -> String {
        guard case .string(let text) = value else { throw UsageError("--data: \(field): expected text") }
        return text
    }

    private static func number(_ value: JSONValue, _ field: String) throws -> Int64 {
        guard case .number(let number) = value, let whole = number.int64 else {
            throw UsageError("--data: \(field): expected a whole number")
        }
        return whole
    }

    private static func seconds(_ value: JSONValue, _ field: String) throws -> Int32 {
        guard let seconds = Int32(exactly: try Self.number(value, field)), seconds >= 0 else {
            throw UsageError("--data: \(field): expected seconds from 0 to \(Int32.max)")
        }
        return seconds
    }

    private static func flag(_ value: JSONValue, _ field: String) throws -> Bool {
        guard case .bool(let flag) = value else { throw UsageError("--data: \(field): expected true or false") }
        return flag
    }
}
