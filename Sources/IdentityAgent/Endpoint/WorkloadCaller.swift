import GRPCCore
import Logging
import PeerTransport
import Registration
import Rotation
import WorkloadAttestation

/// A process that called the Workload API, and what was found out about it.
struct WorkloadCaller: Sendable {
    let process: WorkloadProcess
    var findings: WorkloadFindings
    /// What entries asked for when it was found out.
    var wanted: WantedSelectors
}

/// Tells who calls.
struct WorkloadIdentification: Sendable {
    let attestors: [any WorkloadAttestor]
    let cache: WorkloadCache
    let instants: Instants
    private let denials = DenialLog()
    private let duplicateHints = DuplicateHintLog()

    init(attestors: [any WorkloadAttestor], cache: WorkloadCache, instants: Instants) {
        self.attestors = attestors
        self.cache = cache
        self.instants = instants
    }

    /// Attests the calling process.
    ///
    /// - Throws: `RPCError` UNAVAILABLE "workload attestation failed".
    func caller(of context: RPCContext) async throws -> WorkloadCaller {
        let caller: PeerProcess
        do {
            caller = try await context.openPeerProcess()
        } catch {
            throw self.failed((error as? RPCError)?.message ?? "\(error)", context)
        }
        let process = WorkloadProcess(
            pid: caller.pid, uid: caller.uid, gid: caller.gid, pidfd: caller.descriptor, of: caller)
        return try await self.attested(process, context)
    }

    /// The caller, attested again where entries ask for more than was found out.
    func refreshed(_ caller: WorkloadCaller, _ context: RPCContext) async throws -> WorkloadCaller {
        guard caller.wanted != self.cache.current.entries.wantedSelectors else { return caller }
        return try await self.attested(caller.process, context)
    }

    /// The entries of a caller, the oldest first, without those whose hint an older one has.
    ///
    /// - Throws: `RPCError` PERMISSION_DENIED when there are none.
    func entries(
        of caller: WorkloadCaller, in snapshot: WorkloadSnapshot, _ context: RPCContext
    ) throws -> [RegistrationEntry] {
        let matching = snapshot.entries.matching(caller.findings.selectors)
        guard !matching.isEmpty else { throw self.denied(caller, context) }
        let (kept, dropped) = matching.withoutDuplicateHints()
        for entry in dropped where self.duplicateHints.isNew(entry) {
            context.logger.warning(
                "an entry is not served, because an older one has its hint",
                metadata: [LogKey.entryID: "\(entry.id)", LogKey.hint: "\(entry.hint)"])
        }
        return kept
    }

    private func attested(_ process: WorkloadProcess, _ context: RPCContext) async throws -> WorkloadCaller {
        let wanted = self.cache.current.entries.wantedSelectors
        do {
            let findings = try await attest(process, with: self.attestors, wanted: wanted)
            return WorkloadCaller(process: process, findings: findings, wanted: wanted)
        } catch .cancelled {
            throw CancellationError()
        } catch {
            throw self.failed("\(error)", context)
        }
    }

    private func failed(_ reason: String, _ context: RPCContext) -> RPCError {
        context.logger.warning("workload attestation failed", metadata: [LogKey.error: "\(reason)"])
        return RPCError(code: .unavailable, message: "workload attestation failed")
    }

    private func denied(_ caller: WorkloadCaller, _ context: RPCContext) -> RPCError {
        let seen = SeenSelectors(caller.findings)
        context.logger.log(
            level: self.denials.level(caller.findings.selectors, now: self.instants.now()),
            "no identity issued", metadata: [LogKey.selectors: "\(seen)"])
        return RPCError(
            code: .permissionDenied, message: "no identity issued: no registration entry matches; \(seen)")
    }
}

/// What was seen of a process, in words for the process itself.
struct SeenSelectors: CustomStringConvertible {
    /// The longest text, in bytes: it travels in a header field.
    static let maxBytes = 2_048

    let description: String

    init(_ findings: WorkloadFindings) {
        var text = "seen: "
        var isFirst = true
        let selectors = findings.selectors.sorted()
        for (index, selector) in selectors.enumerated() {
            let part = (isFirst ? "" : ", ") + selector.description
            guard text.utf8.count + part.utf8.count <= Self.maxBytes else {
                text += "… and \(selectors.count - index) more"
                break
            }
            text += part
            isFirst = false
        }
        if selectors.isEmpty { text += "nothing" }
        for (kind, reason) in findings.undetermined.sorted(by: { $0.key < $1.key }) {
            let part = "; not determined: \(kind) (\(reason))"
            guard text.utf8.count + part.utf8.count <= 2 * Self.maxBytes else { break }
            text += part
        }
        self.description = text
    }
}
