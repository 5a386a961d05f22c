import Audit
import FoundationEssentials
import GRPCCore
import PeerTransport
import Registration
import Rotation

/// Which outcomes of a call are recorded.
enum RecordedOutcomes: Hashable, Sendable {
    case all
    /// What succeeds has records of its own.
    case refusals
    /// Nothing is issued, and nothing changed.
    case none
}

extension ControlPlane {
    /// Runs what issues or changes something, and records what came of it.
    ///
    /// - Parameter body: Completes the record; a reason that it gives counts only where it throws.
    func recording<Value>(
        _ kind: AuditEvent.Kind, _ call: Call, _ outcomes: RecordedOutcomes = .all,
        _ body: (inout AuditEvent) async throws -> Value
    ) async throws -> Value {
        var event = self.event(kind, call)
        let start = ContinuousClock.now
        do {
            let value = try await body(&event)
            event.reason = nil
            if outcomes == .all { self.record(event, .issued, since: start) }
            return value
        } catch {
            event.reason = event.reason ?? Self.reason(error)
            if outcomes != .none { self.record(event, .refused, since: start) }
            throw error
        }
    }

    /// The same for one item of a batch.
    func recordingItem<Value, Refusal: RecordedRefusal>(
        _ kind: AuditEvent.Kind, _ call: Call, _ body: (inout AuditEvent) -> Result<Value, Refusal>
    ) -> Result<Value, Refusal> {
        var event = self.event(kind, call)
        let start = ContinuousClock.now
        let result = body(&event)
        switch result {
        case .success:
            self.record(event, .issued, since: start)
        case .failure(let refusal):
            event.reason = refusal.label
            self.record(event, .refused, since: start)
        }
        return result
    }

    /// Records something that was done already.
    func record(
        _ decision: AuditEvent.Decision, _ kind: AuditEvent.Kind, route: String, by actor: Actor,
        _ complete: (inout AuditEvent) -> Void
    ) {
        var event = AuditEvent(
            time: self.instants.now(), decision: decision, kind: kind, route: route, peer: actor.description)
        complete(&event)
        self.audit.record(event)
    }

    func record(_ event: AuditEvent, _ decision: AuditEvent.Decision, since start: ContinuousClock.Instant) {
        var event = event
        event.decision = decision
        event.latency = ContinuousClock.now - start
        self.audit.record(event)
    }

    private func event(_ kind: AuditEvent.Kind, _ call: Call) -> AuditEvent {
        AuditEvent(
            time: self.instants.now(), decision: .issued, kind: kind, route: call.context.path, peer: call.caller.peer)
    }

    /// A stable word for an error that names none itself.
    private static func reason(_ error: any Error) -> String {
        if StoreFailure(in: error) != nil { return "not_stored" }
        if error is CancellationError { return "cancelled" }
        guard let error = error as? RPCError else { return "internal_error" }
        return "\(error.code)".reduce(into: "") { text, character in
            text += character.isUppercase ? "_\(character.lowercased())" : String(character)
        }
    }
}

/// Why an item of a batch is refused, with a stable word for records.
protocol RecordedRefusal: Error {
    var label: String { get }
}

extension Caller {
    /// Who made the call, as records name it; nil for anybody.
    fileprivate var peer: String? {
        if case .anyone = self { return nil }
        return self.actor.description
    }
}

extension SVIDRefusal: RecordedRefusal {
    var label: String {
        switch self {
        case .missingEntryID: "missing_entry_id"
        case .missingCSR: "missing_csr"
        case .entryNotFound: "entry_not_found"
        case .request: "certificate_request"
        case .notSigned: "not_signed"
        }
    }
}

extension WITSVIDRefusal: RecordedRefusal {
    var label: String {
        switch self {
        case .missingEntryID: "missing_entry_id"
        case .entryNotFound: "entry_not_found"
        case .key: "key"
        case .notSigned: "not_signed"
        }
    }
}
