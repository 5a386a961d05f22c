/// What the machine says of accounts and programs; each answer may take as long as it likes.
package struct HostAnswers: Sendable {
    package let name: @Sendable (Account) -> AccountName
    package let program: @Sendable (WorkloadProcess, _ asksForPath: Bool) throws(ProcError) -> ProgramLook

    package init(
        name: @escaping @Sendable (Account) -> AccountName = { $0.name },
        program: @escaping @Sendable (WorkloadProcess, _ asksForPath: Bool) throws(ProcError) -> ProgramLook = {
            process, asksForPath throws(ProcError) in
            try ProgramLook(at: process, asksForPath: asksForPath)
        }
    ) {
        self.name = name
        self.program = program
    }
}
