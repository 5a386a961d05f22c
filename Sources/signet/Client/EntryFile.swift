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
                case .array(let items)? = root["entries"], root.members.count == 1
            else { throw UsageError("--data: expected {\"entries\": […]}") }
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
            case "spiffe_id": entry.spiffeID = try .init(argument: Self.text(value, field), option: field)
            case "parent_id": entry.parentID = try .init(argument: Self.text(value, field), option: field)
            case "selectors": entry.selectors = try Self.selectors(value, field)
            case "x509_svid_ttl", "ttl": entry.x509SvidTtl = try Int32(clamping: Self.number(value, field))
            case "jwt_svid_ttl": entry.jwtSvidTtl = try Int32(clamping: Self.number(value, field))
            case "federates_with": entry.federatesWith = try Self.texts(value, field)
            case "dns_names": entry.dnsNames = try Self.texts(value, field)
            case "hint": entry.hint = try Self.text(value, field)
            case "expires_at", "entryExpiry": entry.expiresAt = try Self.number(value, field)
            case "admin": entry.admin = try Self.flag(value, field)
            case "downstream": entry.downstream = try Self.flag(value, field)
            case "store_svid": entry.storeSvid = try Self.flag(value, field)
            case "revision_number", "created_at": continue
            default: throw UsageError("--data: unknown field \(field)")
            }
        }
        return entry
    }

    private static func selectors(_ value: JSONValue, _ field: String) throws -> [Spire_Api_Types_Selector] {
        try Self.items(value, field).enumerated().map { index, item in
            guard case .object(let object) = item, let type = object["type"], let selector = object["value"] else {
                throw UsageError("--data: \(field)[\(index)]: expected type and value")
            }
            return try .init(argument: "\(Self.text(type, field)):\(Self.text(selector, field))")
        }
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

    private static func flag(_ value: JSONValue, _ field: String) throws -> Bool {
        guard case .bool(let flag) = value else { throw UsageError("--data: \(field): expected true or false") }
        return flag
    }
}
