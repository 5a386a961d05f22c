import ArgumentParser
import Audit
import Foundation

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "What the control plane issued, refused and took back.",
        subcommands: [AuditQueryCommand.self])
}

/// `signet audit query`: reads the files of the records; the server need not run.
struct AuditQueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Show the records that match, the oldest first.",
        discussion: """
            Reads the server's files, so it runs as their owner. All conditions given have to hold. Lines that are no
            records are counted at the end, and the exit code is then 1.
            """)

    @Option(help: "The server's audit.file (default: \(DefaultPath.serverData)/\(AuditSettings.fileName)).")
    var file: String = "\(DefaultPath.serverData)/\(AuditSettings.fileName)"
    @Option(help: "From this time on: 2026-12-31T18:00:00Z, or a duration ago, as 8h.") var since: String?
    @Option(help: "Before this time, or duration ago.") var until: String?
    @Option(help: "Issued to, refused to or taken from this SPIFFE ID.") var subject: String?
    @Option(help: "For this audience.") var audience: String?
    @Option(help: "About this token.") var jti: String?
    @Option(help: "Signed by this key.") var kid: String?
    @Option(help: "Of this issuer.") var iss: String?
    @Option(help: "Asked for by uid:N or this SPIFFE ID.") var peer: String?
    @Option(help: "access_token, x509_svid, grant, …: the kind of what it is about.") var kind: AuditEvent.Kind?
    @Option(help: "issued, refused, revoked, changed, lost or suppressed.") var decision: AuditEvent.Decision?
    @Option(help: "Asked for by this library, with its version or without: signet-swift/1.2.3.") var library: String?
    @Option(help: "pretty or json: json is one object a line, as in the file.") var output: OutputFormat = .pretty

    func run() async throws {
        let now = Date()
        var query = AuditQuery()
        query.since = try self.since.map { try Self.moment($0, option: "--since", now: now) }
        query.until = try self.until.map { try Self.moment($0, option: "--until", now: now) }
        query.subject = self.subject
        query.audience = self.audience
        query.tokenID = self.jti
        query.keyID = self.kid
        query.issuer = self.iss
        query.peer = self.peer
        query.kind = self.kind
        query.decision = self.decision
        query.library = self.library
        let files: AuditFiles
        do throws(AuditFileError) {
            files = try AuditFiles(path: self.file, maxFiles: AuditSettings.maxFiles)
        } catch {
            throw CommandError("\(error); --file names the file of the server's audit.file")
        }
        let unreadable = files.forEach(matching: query) { event, line in
            switch self.output {
            case .json: Console.print(String(decoding: line, as: UTF8.self))
            case .pretty: Console.print(event.text)
            }
        }
        if unreadable > 0 { throw CommandError("\(self.file): \(unreadable) lines are no records") }
    }

    /// Reads an RFC 3339 time, or a duration before `now`.
    private static func moment(_ text: String, option: String, now: Date) throws -> Date {
        if let duration = DurationText.parse(text) { return now.addingTimeInterval(-(duration / .seconds(1))) }
        return Date(timeIntervalSince1970: TimeInterval(try MomentText.parse(text, option: option, now: now)))
    }
}

extension AuditEvent.Decision: ExpressibleByArgument {}
extension AuditEvent.Kind: ExpressibleByArgument {}

extension AuditEvent {
    /// The record on one line, for people.
    fileprivate var text: String {
        var parts = [Self.text(of: self.time), self.decision.rawValue, self.kind.rawValue]
        for (name, value) in [
            ("sub", self.subject), ("aud", self.audience.isEmpty ? nil : self.audience.joined(separator: ",")),
            ("scope", self.scope), ("jti", self.tokenID), ("serial", self.serialNumber), ("kid", self.keyID),
            ("reason", self.reason), ("remedy", self.remedy), ("library", self.library), ("peer", self.peer),
            ("route", self.route.isEmpty ? nil : self.route),
            ("count", self.count.map { "\($0)" }),
        ] {
            guard let value else { continue }
            let isPlain = value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != 0x22 }
            parts.append("\(name)=\(isPlain && !value.isEmpty ? value : value.debugDescription)")
        }
        return parts.joined(separator: " ")
    }
}
