import Registration
package import Rotation

/// Tells processes apart by user, groups and program.
///
/// Makes `unix:uid`, `unix:gid`, `unix:supplementary_gid` and, where an entry uses them, `unix:user`, `unix:group`,
/// `unix:supplementary_group`, `unix:path` and `unix:sha256`. Names are left out where a number has none. The path is the
/// one that the process itself sees, and is left out where the program does not lie there: it was deleted, replaced, or
/// mounted over in a user namespace. The program is hashed through the kernel's link to it, whatever lies at the path.
/// What a process executes later, or hands its socket to, is not seen.
///
/// What the kernel alone answers is asked at once; what may block is asked on other threads, and for ``timeLimit`` at most.
package struct UnixWorkloadAttestor: WorkloadAttestor {
    /// How long names and program of a process may take altogether.
    package static let timeLimit: Duration = .seconds(5)
    /// The most supplementary groups that are looked at, the lowest numbers first; Linux allows 65,536.
    package static let maxSupplementaryGroups = 1_024
    private static let maxThreads = 32
    private static let maxThreadsPerUser = 4
    private static let maxHashingThreads = 8

    package let discoversPath: Bool
    package let workloadSizeLimit: Int
    private let instants: Instants
    private let host: HostAnswers
    private let calls: BlockingCalls
    private let names: AccountNames
    private let hashes: ProgramHashes

    package var name: String { "unix" }

    /// - Parameters:
    ///   - discoversPath: Whether `path` and `sha256` are made. Default: true.
    ///   - workloadSizeLimit: The longest program that is hashed, in bytes. Default: 256 MiB.
    ///   - instants: Tells how long answers take and count, and which programs have just changed.
    ///   - host: Who answers. Default: this machine.
    package init(
        discoversPath: Bool = true, workloadSizeLimit: Int = 256 << 20, instants: Instants,
        host: HostAnswers = HostAnswers()
    ) {
        self.discoversPath = discoversPath
        self.workloadSizeLimit = workloadSizeLimit
        self.instants = instants
        self.host = host
        self.calls = BlockingCalls(maxThreads: Self.maxThreads, maxThreadsPerUser: Self.maxThreadsPerUser)
        self.names = AccountNames(instants: instants, calls: self.calls, lookUp: host.name)
        let hashing = BlockingCalls(maxThreads: Self.maxHashingThreads, maxThreadsPerUser: 1)
        self.hashes = ProgramHashes(instants: instants) { program, admission async throws in
            try await hashing.run(for: admission.key) { isAbandoned in
                try withExtendedLifetime(admission) {
                    try ProgramDigest.sha256(of: program, maxBytes: workloadSizeLimit, isAbandoned: isAbandoned)
                }
            }
        }
    }

    /// - Throws: ``WorkloadAttestationError``; `.timedOut` after ``timeLimit``; `CancellationError`.
    package func attest(
        _ process: WorkloadProcess, _ status: ProcessStatus, wanted: WantedSelectors
    ) async throws -> WorkloadFindings {
        let groups = status.supplementaryGroups
        var findings = WorkloadFindings()
        findings.add("uid", "\(process.uid)")
        findings.add("gid", "\(process.gid)")
        for group in groups.prefix(Self.maxSupplementaryGroups) { findings.add("supplementary_gid", "\(group)") }
        if groups.count > Self.maxSupplementaryGroups {
            findings.undetermined["unix:supplementary_gid"] =
                "the process has \(groups.count) groups, the first \(Self.maxSupplementaryGroups) count"
        }
        let named = Self.namedAccounts(of: process, groups.prefix(Self.maxSupplementaryGroups), wanted)
        let wantsProgram = self.discoversPath && (wanted.contains("unix:path") || wanted.contains("unix:sha256"))
        guard wantsProgram || !named.isEmpty else { return findings }
        do {
            let known = findings
            return try await self.instants.withTimeLimit(Self.timeLimit) {
                var findings = known
                try await self.addNames(named, of: process, to: &findings)
                if wantsProgram { try await self.describeProgram(of: process, wanted: wanted, in: &findings) }
                return findings
            }
        } catch let error as TimeLimitExceeded {
            throw WorkloadAttestationError.timedOut(limit: error.limit)
        }
    }

    /// The accounts whose names entries use, by the kind of selector.
    private static func namedAccounts(
        of process: WorkloadProcess, _ groups: some Sequence<UInt32>, _ wanted: WantedSelectors
    ) -> [String: Set<Account>] {
        [
            "user": [.user(process.uid)], "group": [.group(process.gid)],
            "supplementary_group": Set(groups.map { .group($0) }),
        ].filter { wanted.contains("unix:\($0.key)") && !$0.value.isEmpty }
    }

    private func addNames(
        _ named: [String: Set<Account>], of process: WorkloadProcess, to findings: inout WorkloadFindings
    ) async throws {
        guard !named.isEmpty else { return }
        let accounts = named.values.reduce(into: Set()) { $0.formUnion($1) }
        let names = try await self.names.names(of: accounts, for: process.uid)
        for (kind, accounts) in named {
            for account in accounts {
                switch names[account] {
                case .name(let name)?: findings.add(kind, name)
                case .unknown(let code)?:
                    findings.undetermined["unix:\(kind)"] = "this machine cannot tell the name: error \(code)"
                case AccountName.none?, nil: break
                }
            }
        }
    }

    private func describeProgram(
        of process: WorkloadProcess, wanted: WantedSelectors, in findings: inout WorkloadFindings
    ) async throws {
        let look: ProgramLook
        do {
            look = try await self.look(at: process, asksForPath: wanted.contains("unix:path"))
        } catch let error as ProcError {
            for kind in ["unix:path", "unix:sha256"] where wanted.contains(kind) {
                findings.undetermined[kind] = "\(error)"
            }
            return
        }
        switch look.isAtItsPath {
        case true?: findings.add("path", look.program.path)
        case false?:
            findings.undetermined["unix:path"] =
                "\(look.program.path) is not the program there, or the process is in a user namespace of its own"
        case nil: break
        }
        guard wanted.contains("unix:sha256") else { return }
        if let digest = self.hashes.remembered(look.program) {
            findings.add("sha256", digest)
            return
        }
        do {
            let digest = try await self.hashes.digest(of: look.program, for: process.uid)
            // The process may have executed another program while this one was hashed.
            guard try await self.look(at: process, asksForPath: false).program.isSame(as: look.program) else {
                throw WorkloadAttestationError.changed
            }
            findings.add("sha256", digest)
        } catch let error as CancellationError {
            throw error
        } catch {
            findings.undetermined["unix:sha256"] = "\(error)"
        }
    }

    private func look(at process: WorkloadProcess, asksForPath: Bool) async throws -> ProgramLook {
        let host = self.host
        return try await self.calls.run(for: process.uid) { _ in try host.program(process, asksForPath) }
    }
}

extension WorkloadFindings {
    /// Adds `unix:key:value`; a value that no selector can have is left out.
    fileprivate mutating func add(_ key: String, _ value: String) {
        guard let selector = try? Selector(type: "unix", value: "\(key):\(value)") else { return }
        self.selectors.insert(selector)
    }
}
