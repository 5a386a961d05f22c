import Testing

@Suite("pki/vectors", .timeLimit(.minutes(1)))
struct VectorTests {
    @Test("each case ends as its case.json says", arguments: Vector.standards.flatMap { Vector.all($0) })
    func eachCaseEndsAsItsCaseSays(_ vector: Vector) throws {
        try vector.check()
    }
}
