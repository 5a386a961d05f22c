import ChildPrograms

/// What a finished process left: its status and what it wrote.
package struct ProcessOutput: Sendable, Equatable {
    /// The exit status, or the number of the signal that ended it.
    package let status: Int32
    package let output: [UInt8]
    package let error: [UInt8]

    package var outputText: String { String(decoding: self.output, as: UTF8.self) }
    package var errorText: String { String(decoding: self.error, as: UTF8.self) }
}

/// Runs a program to its end and returns what it wrote.
///
/// The streams go through files, so no amount of output can block the program.
/// `program` is a path, or a name to look up in `PATH`; `environment` replaces the environment when given.
package func runProcess(
    _ program: String, _ arguments: [String] = [], input: [UInt8] = [], environment: [String: String]? = nil
) async throws -> ProcessOutput {
    try await withTemporaryDirectory { directory in
        let input = try directory.write(input, to: "input")
        let output = try directory.write([], to: "output")
        let error = try directory.write([], to: "error")

        let child = try ChildProgram(
            program, arguments, environment: environment, input: .file(input), output: .file(output),
            error: .file(error))
        let status = await child.waitForEnd()
        return try ProcessOutput(
            status: status, output: directory.read("output"), error: directory.read("error"))
    }
}
