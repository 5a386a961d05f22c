import AccessTokens
import Audit
import FoundationEssentials
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
    ///
    /// A reader that does not read loses lines, and holds up no call. They are counted: before the first line that can be
    /// written again stands a record with `decision` `lost` and their `count`.
    public static let standardOutput: JSONLinesAudit = {
        let output = StandardOutputAudit()
        return JSONLinesAudit { line in output.append(line) == nil }
    }()

    /// Writes where a line can be lost, and counts those that are.
    ///
    /// - Parameter append: Whether the line was taken; it does not wait.
    package convenience init(append: @escaping @Sendable (_ line: [UInt8]) -> Bool) {
        let lost = Mutex<UInt64>(0)
        self.init(write: { line in
            lost.withLock { lost in
                let lines = lost == 0 ? line : Self.gap(lost) + line
                lost = append(lines) ? 0 : lost + 1
            }
        })
    }

    /// The line in the place of those that could not be written.
    private static func gap(_ count: UInt64) -> [UInt8] {
        let object: JSONObject = [
            "time": .string(Date().formatted(.iso8601.time(includingFractionalSeconds: true))), "decision": "lost",
            "count": .number(JSONNumber(count)),
        ]
        return JSON.serialize(.object(object)) + [0x0A]
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
