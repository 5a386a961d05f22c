import FoundationEssentials
import SwiftProtobuf

/// The .proto files of a server, found by name and by what they declare.
struct DescriptorIndex: Sendable {
    enum DecodingFailure: Error, Hashable {
        case notBase64
    }

    /// A file and those that it imports, directly or not, each once.
    struct Files: Hashable, Sendable {
        let serialized: [Data]
    }

    private struct File {
        let serialized: Data
        let imports: [String]
    }

    private var files: [String: File] = [:]
    private var fileOfSymbol: [String: String] = [:]

    init(base64 sets: [String]) throws {
        for text in sets {
            guard let bytes = Data(base64Encoded: text, options: .ignoreUnknownCharacters) else {
                throw DecodingFailure.notBase64
            }
            let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: bytes)
            for file in set.file where self.files[file.name] == nil { try self.add(file) }
        }
    }

    private mutating func add(_ file: Google_Protobuf_FileDescriptorProto) throws {
        self.files[file.name] = File(serialized: try file.serializedBytes(), imports: file.dependency)
        let prefix = file.package.isEmpty ? "" : file.package + "."
        for service in file.service {
            self.declare(prefix + service.name, in: file)
            for method in service.method { self.declare("\(prefix)\(service.name).\(method.name)", in: file) }
        }
        for message in file.messageType { self.add(message, prefix, in: file) }
        for value in file.enumType { self.declare(prefix + value.name, in: file) }
    }

    private mutating func add(
        _ message: Google_Protobuf_DescriptorProto, _ prefix: String, in file: Google_Protobuf_FileDescriptorProto
    ) {
        let name = prefix + message.name
        self.declare(name, in: file)
        for field in message.field { self.declare("\(name).\(field.name)", in: file) }
        for nested in message.nestedType { self.add(nested, name + ".", in: file) }
        for value in message.enumType { self.declare("\(name).\(value.name)", in: file) }
    }

    private mutating func declare(_ symbol: String, in file: Google_Protobuf_FileDescriptorProto) {
        self.fileOfSymbol[symbol] = file.name
    }

    func files(declaring symbol: String) -> Files? {
        self.fileOfSymbol[symbol].flatMap { self.files(named: $0) }
    }

    func files(named name: String) -> Files? {
        guard self.files[name] != nil else { return nil }
        var seen: Set<String> = []
        var serialized: [Data] = []
        var waiting = [name]
        while let next = waiting.popLast() {
            guard let file = self.files[next], seen.insert(next).inserted else { continue }
            serialized.append(file.serialized)
            waiting += file.imports.reversed()
        }
        return Files(serialized: serialized)
    }
}
