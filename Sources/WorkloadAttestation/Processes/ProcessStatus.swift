/// What `/proc` says about a process at one moment.
package struct ProcessStatus: Hashable, Sendable {
    /// The effective user.
    package let uid: UInt32
    /// The effective group.
    package let gid: UInt32
    /// In the order of the kernel, which sorts them.
    package let supplementaryGroups: [UInt32]

    /// Parses the contents of `/proc/<pid>/status`; nil where a field is missing or malformed.
    init?(parsing contents: ArraySlice<UInt8>) {
        var users: [UInt32]?
        var groups: [UInt32]?
        var supplementary: [UInt32]?
        var rest = contents
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
            let line = rest[..<end]
            switch line.first {
            case UInt8(ascii: "U"): users = Self.numbers(in: line, after: "Uid:") ?? users
            case UInt8(ascii: "G"):
                groups = Self.numbers(in: line, after: "Gid:") ?? groups
                supplementary = Self.numbers(in: line, after: "Groups:") ?? supplementary
            default: break
            }
            // What follows is long, and nothing of it is asked for.
            if users != nil, groups != nil, supplementary != nil { break }
            rest = rest[end...].dropFirst()
        }
        // Real, effective, saved, file system.
        guard let users, users.count == 4, let groups, groups.count == 4, let supplementary else { return nil }
        self.uid = users[1]
        self.gid = groups[1]
        self.supplementaryGroups = supplementary
    }

    /// The decimal numbers of a line with this name, between spaces and tabs.
    private static func numbers(in line: ArraySlice<UInt8>, after name: StaticString) -> [UInt32]? {
        guard line.count >= name.utf8CodeUnitCount, line.starts(with: name.description.utf8) else { return nil }
        var numbers: [UInt32] = []
        var number: UInt32?
        for byte in line.dropFirst(name.utf8CodeUnitCount) {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let (tens, tooLong) = (number ?? 0).multipliedReportingOverflow(by: 10)
                let (sum, tooLarge) = tens.addingReportingOverflow(UInt32(byte - UInt8(ascii: "0")))
                guard !tooLong, !tooLarge else { return nil }
                number = sum
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                if let complete = number { numbers.append(complete) }
                number = nil
            default: return nil
            }
        }
        if let number { numbers.append(number) }
        return numbers
    }
}

/// The status of one process, held open: it never becomes that of another process which has the number later.
final class ProcessStatusFile: Sendable {
    private let file: ProcFile

    init(pid: Int32) throws(ProcError) {
        self.file = try ProcFile("/proc/\(pid)/status")
    }

    func read() throws(WorkloadAttestationError) -> ProcessStatus {
        let contents: ArraySlice<UInt8>
        do {
            contents = try self.file.read()
        } catch {
            throw .unreadable(error)
        }
        guard let status = ProcessStatus(parsing: contents) else { throw .malformedStatus }
        return status
    }
}
