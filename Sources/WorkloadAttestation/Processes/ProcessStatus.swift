/// What `/proc` says about a process at one moment.
struct ProcessStatus: Hashable {
    /// The effective user.
    let uid: UInt32
    /// The effective group.
    let gid: UInt32
    /// In the order of the kernel, which sorts them.
    let supplementaryGroups: [UInt32]
    /// In clock ticks since boot: tells a process from another with the same number.
    let startTime: UInt64

    /// Reads the status of a process by its number.
    static func read(pid: Int32) throws(WorkloadAttestationError) -> Self {
        let status: [UInt8]
        let stat: [UInt8]
        do {
            status = try ProcFile.read("/proc/\(pid)/status")
            stat = try ProcFile.read("/proc/\(pid)/stat")
        } catch {
            throw .unreadable(error)
        }
        guard let parsed = Self(status: status, stat: stat) else { throw .malformedStatus }
        return parsed
    }

    /// Parses the contents of `/proc/<pid>/status` and `/proc/<pid>/stat`; nil where a field is missing.
    init?(status: [UInt8], stat: [UInt8]) {
        var users: [UInt32]?
        var groups: [UInt32]?
        var supplementary: [UInt32]?
        for line in status.split(separator: UInt8(ascii: "\n")) {
            if let values = Self.numbers(in: line, after: "Uid:") { users = values }
            if let values = Self.numbers(in: line, after: "Gid:") { groups = values }
            if let values = Self.numbers(in: line, after: "Groups:") { supplementary = values }
        }
        // Real, effective, saved, file system.
        guard let users, users.count == 4, let groups, groups.count == 4, let supplementary,
            let startTime = Self.startTime(stat: stat)
        else { return nil }
        self.uid = users[1]
        self.gid = groups[1]
        self.supplementaryGroups = supplementary
        self.startTime = startTime
    }

    /// The 22nd field.
    ///
    /// The second is the name of the program in parentheses, which may hold anything.
    private static func startTime(stat: [UInt8]) -> UInt64? {
        guard let end = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = stat[end...].dropFirst().split(separator: UInt8(ascii: " "))
        guard fields.count > 19 else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }

    private static func numbers(in line: ArraySlice<UInt8>, after name: String) -> [UInt32]? {
        guard line.starts(with: name.utf8) else { return nil }
        let words = line.dropFirst(name.utf8.count).split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        let numbers = words.compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
        return numbers.count == words.count ? numbers : nil
    }
}
