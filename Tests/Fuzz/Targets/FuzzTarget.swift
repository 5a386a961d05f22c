/// A parser or validator that takes bytes from others, and what must hold whatever the bytes are.
package struct FuzzTarget: Sendable {
    /// As it is called on the command line.
    package let name: String
    /// The longest input that may be accepted, in bytes.
    package let maxBytes: Int
    /// Inputs to begin with: accepted ones, and ones that are almost right.
    package let seeds: [[UInt8]]
    /// Texts that mean something to the parser, for inputs to be made of.
    package let dictionary: [String]
    private let accepts: @Sendable (_ input: [UInt8]) throws -> Bool

    /// - Parameter accepts: Gives an input to the parser and says whether it was accepted; throws when something does not
    ///   hold that must.
    init(
        _ name: String, maxBytes: Int, seeds: [[UInt8]], dictionary: [String] = [],
        accepts: @escaping @Sendable (_ input: [UInt8]) throws -> Bool
    ) throws {
        self.name = name
        self.maxBytes = maxBytes
        self.seeds = try seeds + SeedFiles.all(name)
        self.dictionary = dictionary
        self.accepts = accepts
    }

    /// The longest that an input may keep the processor, however slow the machine is.
    private static let maxTime: Duration = .seconds(1)

    /// Gives an input to the parser.
    ///
    /// - Returns: Whether the input was accepted.
    /// - Throws: What does not hold: ``BrokenInvariant``, or what the parser threw at something it has to accept.
    package func check(_ input: [UInt8]) throws -> Bool {
        let begin = ProcessorTime.now()
        let accepted = try self.accepts(input)
        let time = ProcessorTime.now() - begin
        try hold(time <= Self.maxTime, "an input takes \(time)")
        try hold(!accepted || input.count <= self.maxBytes, "an input of more than \(self.maxBytes) bytes is accepted")
        return accepted
    }
}

/// Something does not hold that must hold for every input.
package struct BrokenInvariant: Error, CustomStringConvertible {
    package let description: String
}

/// Says what must hold.
func hold(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws(BrokenInvariant) {
    guard condition else { throw BrokenInvariant(description: otherwise()) }
}

/// Takes what must be there.
func found<Value>(_ value: Value?, _ otherwise: @autoclosure () -> String) throws(BrokenInvariant) -> Value {
    guard let value else { throw BrokenInvariant(description: otherwise()) }
    return value
}
