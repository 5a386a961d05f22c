import Registration

/// Finds out what a process is, and makes sure that it stayed the same meanwhile.
///
/// User and group are those of the connection (`SO_PEERCRED`). The process must have them, and the same groups, before
/// and after. The pidfd must show it alive at the end: its number was its own all the time then, and what was found is
/// about it. Attestors run side by side; one that fails leaves its selectors out.
///
/// - Throws: ``WorkloadAttestationError``; nothing was found out then.
package func attest(
    _ process: WorkloadProcess, with attestors: [any WorkloadAttestor], wanted: WantedSelectors
) async throws(WorkloadAttestationError) -> WorkloadFindings {
    guard process.pid > 0 else { throw .exited }
    let file: ProcessStatusFile
    do {
        file = try ProcessStatusFile(pid: process.pid)
    } catch {
        throw process.isAlive ? .unreadable(error) : .exited
    }
    let before = try aliveStatus(of: process, file)
    let (findings, failures) = await run(attestors, on: process, before, wanted: wanted)
    guard !Task.isCancelled else { throw .cancelled }
    guard try aliveStatus(of: process, file) == before else { throw .changed }
    guard failures.isEmpty || failures.count < attestors.count else { throw .attestorsFailed(failures) }
    var result = findings
    result.undetermined.merge(failures) { first, _ in first }
    return result
}

/// The status of a living process that still is who connected.
private func aliveStatus(
    of process: WorkloadProcess, _ file: ProcessStatusFile
) throws(WorkloadAttestationError) -> ProcessStatus {
    let status: ProcessStatus
    do {
        status = try file.read()
    } catch {
        throw process.isAlive ? error : .exited
    }
    // Asked after reading: a process that is alive now had its number all the time.
    guard process.isAlive else { throw .exited }
    guard status.uid == process.uid, status.gid == process.gid else { throw .changed }
    return status
}

private func run(
    _ attestors: [any WorkloadAttestor], on process: WorkloadProcess, _ status: ProcessStatus, wanted: WantedSelectors
) async -> (WorkloadFindings, failures: [String: String]) {
    await withTaskGroup(of: (String, Result<WorkloadFindings, any Error>).self) { group in
        for attestor in attestors {
            group.addTask {
                do {
                    return (attestor.name, .success(try await attestor.attest(process, status, wanted: wanted)))
                } catch {
                    return (attestor.name, .failure(error))
                }
            }
        }
        var findings = WorkloadFindings()
        var failures: [String: String] = [:]
        for await (name, result) in group {
            switch result {
            case .success(let found): findings.merge(found)
            case .failure(let error): failures[name] = "\(error)"
            }
        }
        return (findings, failures)
    }
}
