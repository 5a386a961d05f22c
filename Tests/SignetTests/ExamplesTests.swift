import Foundation
import Testing

@Suite("Examples", .timeLimit(.minutes(1)))
struct ExamplesTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    @Test("JWT-16: examples ask for tokens for one service, not for a whole trust domain")
    func audiences() throws {
        let documents = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Docs").path)
            .filter { $0.hasSuffix(".md") }.map { "Docs/" + $0 }
        var audiences: [String] = []
        for name in documents + ["README.md", "Tests/Demo/run.sh"] {
            let text = try String(contentsOf: Self.root.appending(path: name), encoding: .utf8)
            audiences += text.matches(of: /--audience[ =]"?([^\s"]+)/).map { String($0.output.1) }
        }
        #expect(!audiences.isEmpty)
        for audience in audiences {
            #expect(audience.wholeMatch(of: #/spiffe://[^/]+/.+/#) != nil, "\(audience)")
        }
    }
}
