import AccessTokens
import FoundationEssentials
import Glibc
public import JOSE
import SPIFFE
import Synchronization

/// Writes records as JSON, one a line.
public final class JSONLinesAudit: AuditSink {
    private let write: Mutex<@Sendable ([UInt8]) -> Void>

    /// - Parameter write: Takes one line with its line break; called for one line at a time.
    public init(write: @escaping @Sendable (_ line: [UInt8]) -> Void) {
        self.write = Mutex(write)
    }

    /// Writes to standard output.
    public static let standardOutput = JSONLinesAudit { line in
        var rest = line[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            // Nobody reads any more: a record that cannot be written has no better place.
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    public func record(_ event: AuthorizationEvent) {
        let line = JSON.serialize(.object(event.object())) + [0x0A]
        self.write.withLock { $0(line) }
    }
}

extension AuthorizationEvent {
    /// The record as JSON; members without a value are left out.
    public func object() -> JSONObject {
        var object = JSONObject()
        object["time"] = .string(self.time.formatted(.iso8601.time(includingFractionalSeconds: true)))
        object["decision"] = .string(self.decision.rawValue)
        object["reason"] = self.reason.map(JSONValue.string)
        object["iss"] = self.claims.map { .string($0.issuer) }
        object["kid"] = self.keyID.map(JSONValue.string)
        object["sub"] = self.claims.map { .string($0.subject.uri) }
        object["aud"] = self.claims.map { .string($0.audience) }
        object["scope"] = self.claims.map { .string($0.scopes.text) }
        object["jti"] = self.claims.map { .string($0.tokenID) }
        object["peer"] = self.peer.map { .string($0.uri) }
        object["route"] = .string(self.route)
        object["latency_us"] = .number(JSONNumber(Int64(self.latency / .microseconds(1))))
        object["repeated"] = .bool(self.isRepeated)
        object["staleness_s"] = self.staleness.map { .number(JSONNumber(Int64($0 / .seconds(1)))) }
        return object
    }
}
