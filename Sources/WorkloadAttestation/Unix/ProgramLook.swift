/// A look at the program that a process runs; its file system may take as long as it likes.
package struct ProgramLook: Sendable {
    package let program: Program
    /// Whether the path leads to the program; nil when that was not asked.
    package let isAtItsPath: Bool?

    package init(at process: WorkloadProcess, asksForPath: Bool) throws(ProcError) {
        self.program = try Program(of: process)
        self.isAtItsPath = asksForPath ? try self.program.isAtItsPath(of: process) : nil
    }
}
