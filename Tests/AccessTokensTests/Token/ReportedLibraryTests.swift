import AccessTokens
import Testing

@Suite("What clients say of their library", .timeLimit(.minutes(1)))
struct ReportedLibraryTests {
    private static let version = LibraryVersion(major: 1, minor: 2, patch: 3)

    @Test(
        "a version is three numbers as they are written here",
        arguments: [
            "", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "1.2.-3", "+1.2.3", "1..3", "1.2.3 ", "1.2.4294967296",
        ])
    func malformed(text: String) {
        #expect(LibraryVersion(parsing: text) == nil)
    }

    @Test("a version comes back as it is written")
    func versions() {
        for text in ["0.0.0", "1.2.3", "10.0.4294967295"] {
            #expect(LibraryVersion(parsing: text).map { "\($0)" } == text)
        }
    }

    @Test("the first number that differs decides")
    func order() throws {
        let versions = try ["0.9.9", "1.0.0", "1.2.3", "1.2.10", "1.10.0", "2.0.0"].map {
            try #require(LibraryVersion(parsing: $0))
        }
        #expect(versions.shuffled().sorted() == versions)
    }

    @Test(
        "this library is found wherever it is named; others are kept as they name themselves",
        arguments: [
            ("signet-swift/1.2.3", .signet(version), "signet-swift/1.2.3"),
            ("Signet-Swift/1.2.3", .signet(version), "signet-swift/1.2.3"),
            ("orders/7 signet-swift/1.2.3 swift/6.3", .signet(version), "signet-swift/1.2.3"),
            ("signet-swift", .signet(nil), "signet-swift"),
            ("signet-swift/", .signet(nil), "signet-swift"),
            ("signet-swift/new", .signet(nil), "signet-swift"),
            ("signet-swiftly/1.2.3", .other("signet-swiftly/1.2.3"), "signet-swiftly/1.2.3"),
            ("python-requests/2.32.3 authlib/1.6", .other("python-requests/2.32.3"), "python-requests/2.32.3"),
            ("a.b!#$%&'*+-^_`|~/1/z", .other("a.b!#$%&'*+-^_`|~/1/z"), "a.b!#$%&'*+-^_`|~/1/z"),
            ("", .unknown, nil), ("   ", .unknown, nil), ("a\"b", .unknown, nil), ("ä/1", .unknown, nil),
            (String(repeating: "x", count: 65), .unknown, nil),
            (String(repeating: " ", count: 256) + "signet-swift/1.2.3", .unknown, nil),
        ] as [(String, ReportedLibrary, String?)])
    func reports(text: String, library: ReportedLibrary, report: String?) {
        #expect(ReportedLibrary(text) == library)
        #expect(library.report == report)
    }

    @Test("what this library says of itself is understood")
    func own() throws {
        #expect(ReportedLibrary(try #require(ReportedLibrary.current.report)) == .signet(.current))
    }
}
