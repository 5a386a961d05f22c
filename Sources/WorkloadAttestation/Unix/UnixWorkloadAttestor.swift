import Registration
package import Rotation

/// Tells processes apart by user, groups and program.
///
/// Makes `unix:uid`, `unix:user`, `unix:gid`, `unix:group`, `unix:supplementary_gid`, `unix:supplementary_group`,
/// `unix:path` and, where an entry uses it, `unix:sha256`. Names are left out where a number has none. The path is the
/// one that the process itself sees, and is left out where the program does not lie there: it was deleted, replaced, or
/// mounted over in a user namespace. The program is hashed through the kernel's link to it, whatever lies at the path.
/// What a process executes later, or hands its socket to, is not seen.
package struct UnixWorkloadAttestor: WorkloadAttestor {
    package let discoversPath: Bool
    package let workloadSizeLimit: Int
    private let hashes: ProgramHashes

    package var name: String { "unix" }

    /// - Parameters:
    ///   - discoversPath: Whether `path` and `sha256` are made. Default: true.
    ///   - workloadSizeLimit: The longest program that is hashed, in bytes. Default: 256 MiB.
    ///   - instants: Tells which programs have just changed: their hashes are not remembered.
    package init(discoversPath: Bool = true, workloadSizeLimit: Int = 256 << 20, instants: Instants) {
        self.discoversPath = discoversPath
        self.workloadSizeLimit = workloadSizeLimit
        self.hashes = ProgramHashes(instants: instants) { program, admission async throws in
            defer { withExtendedLifetime(admission) {} }
            return try await ProgramDigest.sha256(of: program, maxBytes: workloadSizeLimit)
        }
    }

    package func attest(
        _ process: WorkloadProcess, _ status: ProcessStatus, wanted: WantedSelectors
    ) async -> WorkloadFindings {
        var findings = WorkloadFindings()
        findings.add("uid", "\(process.uid)")
        findings.add("user", AccountNames.user(process.uid))
        findings.add("gid", "\(process.gid)")
        findings.add("group", AccountNames.group(process.gid))
        for group in status.supplementaryGroups {
            findings.add("supplementary_gid", "\(group)")
            findings.add("supplementary_group", AccountNames.group(group))
        }
        if self.discoversPath {
            await self.describeProgram(of: process, wanted: wanted, in: &findings)
        }
        return findings
    }

    private func describeProgram(
        of process: WorkloadProcess, wanted: WantedSelectors, in findings: inout WorkloadFindings
    ) async {
        do {
            let program = try Program(of: process)
            if try program.isAtItsPath(of: process) {
                findings.add("path", program.path)
            } else {
                findings.undetermined["unix:path"] =
                    "\(program.path) is not the program there, or the process is in a user namespace of its own"
            }
            if wanted.contains("unix:sha256") {
                do {
                    let digest = try await self.hashes.digest(of: program, for: process.uid)
                    // The process may have executed another program while this one was hashed.
                    guard try Program(of: process).isSame(as: program) else { throw WorkloadAttestationError.changed }
                    findings.add("sha256", digest)
                } catch {
                    findings.undetermined["unix:sha256"] = "\(error)"
                }
            }
        } catch {
            findings.undetermined["unix:path"] = "\(error)"
        }
    }
}

extension WorkloadFindings {
    /// Adds `unix:key:value`; a value that no selector can have is left out.
    fileprivate mutating func add(_ key: String, _ value: String?) {
        guard let value, let selector = try? Selector(type: "unix", value: "\(key):\(value)") else { return }
        self.selectors.insert(selector)
    }
}
