import JOSE

/// The file of a ``DiskKeyManager``: `{"version":1,"keys":[{"id":…,"type":…,"pkcs8":…}]}`, the key in base64.
enum KeyFile {
    /// Holds ``KeyManagerLimits/maxKeys`` keys of the largest type.
    static let maxBytes = 8 * 1_024 * 1_024
    private static let version: Int64 = 1

    static func serialize(_ keys: [SigningKey]) -> [UInt8] {
        let entries = keys.map { key -> JSONValue in
            [
                "id": .string(key.id), "type": .string(key.type.rawValue),
                "pkcs8": .string(Base64.encode(key.keyPair.pkcs8DER)),
            ]
        }
        return JSON.serialize(["version": .number(JSONNumber(self.version)), "keys": .array(entries)], pretty: true)
    }

    static func parse(_ bytes: [UInt8], path: String) throws(KeyManagerError) -> [SigningKey] {
        do {
            return try self.keys(try JSON.parse(bytes, maxBytes: self.maxBytes, maxDepth: 3))
        } catch let error as JSONError {
            throw .corruptedFile(path: path, reason: "not valid JSON (\(error))")
        } catch let error as Fault {
            throw .corruptedFile(path: path, reason: error.reason)
        } catch {
            throw .corruptedFile(path: path, reason: "\(error)")
        }
    }

    private struct Fault: Error {
        let reason: String
    }

    private static func keys(_ document: JSONValue) throws -> [SigningKey] {
        guard let document = document.object else { throw Fault(reason: "not a JSON object") }
        guard document["version"]?.number?.int64 == self.version else {
            throw Fault(reason: "'version' is not \(self.version)")
        }
        guard let entries = document["keys"]?.array else { throw Fault(reason: "'keys' is not an array") }
        guard document.count == 2 else { throw Fault(reason: "there are members other than 'version' and 'keys'") }
        guard entries.count <= KeyManagerLimits.maxKeys else {
            throw Fault(reason: "there are more than \(KeyManagerLimits.maxKeys) keys")
        }
        var ids: Set<String> = []
        return try entries.enumerated().map { position, entry in
            let key = try self.key(entry, name: "key \(position + 1)")
            guard ids.insert(key.id).inserted else { throw Fault(reason: "key '\(key.id)' is there twice") }
            return key
        }
    }

    private static func key(_ entry: JSONValue, name: String) throws -> SigningKey {
        guard let entry = entry.object, entry.count == 3, let id = entry["id"]?.string,
            let type = entry["type"]?.string, let pkcs8 = entry["pkcs8"]?.string
        else { throw Fault(reason: "\(name) does not consist of 'id', 'type' and 'pkcs8'") }
        do { try KeyManagerLimits.check(id: id) } catch { throw Fault(reason: "\(name): \(error)") }
        guard let type = KeyType(rawValue: type) else { throw Fault(reason: "key '\(id)' has an unknown type") }
        // Compared with what would be written, which includes the public half: a changed bit is not another key.
        guard let der = try? Base64.decode(pkcs8), let keyPair = try? KeyPair(pkcs8DER: der), keyPair.pkcs8DER == der
        else { throw Fault(reason: "key '\(id)' holds no private key") }
        guard keyPair.type == type else { throw Fault(reason: "key '\(id)' is not of its type \(type.rawValue)") }
        return SigningKey(id: id, keyPair: keyPair)
    }
}
