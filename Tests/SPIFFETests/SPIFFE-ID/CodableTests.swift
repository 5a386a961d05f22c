import Foundation
import SPIFFE
import Testing

@Suite("SPIFFE IDs and trust domains in data")
struct CodableTests {
    struct Record: Codable, Equatable {
        let owner: SPIFFEID
        let trustDomain: TrustDomain
    }

    @Test("are strings, and come back as they were")
    func roundTrip() throws {
        let record = Record(
            owner: try SPIFFEID(parsing: "spiffe://example.org/web"),
            trustDomain: try TrustDomain(parsing: "example.org"))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(record)
        #expect(
            String(decoding: data, as: UTF8.self)
                == #"{"owner":"spiffe://example.org/web","trustDomain":"example.org"}"#)
        #expect(try JSONDecoder().decode(Record.self, from: data) == record)
    }

    @Test(
        "are refused as anywhere else",
        arguments: [
            (#"{"owner":"spiffe://example.org//web","trustDomain":"example.org"}"#, "owner", .emptySegment),
            (
                #"{"owner":"spiffe://example.org/web","trustDomain":"spiffe://example.org"}"#, "trustDomain",
                .port
            ),
        ] as [(String, String, SPIFFEIDError)])
    func refused(json: String, member: String, reason: SPIFFEIDError) throws {
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Record.self, from: Data(json.utf8))
        }
        guard case .dataCorrupted(let context)? = error else {
            Issue.record("another error than of the data")
            return
        }
        #expect(context.codingPath.map(\.stringValue) == [member])
        #expect(context.underlyingError as? SPIFFEIDError == reason)
    }
}
