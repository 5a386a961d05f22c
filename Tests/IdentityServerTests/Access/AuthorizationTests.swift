import FoundationEssentials
import IdentityServer
import NodeAttestation
import SPIFFE
import Testing

@Suite("the authorisation decision", .timeLimit(.minutes(1)))
struct AuthorizationTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func verdict(
        serial: String = "1", expiresIn: Double = 60, access: Access = .agent, isAdmin: Bool = false,
        agent: AttestedAgent?
    ) throws -> Authorization.Verdict {
        Authorization.verdict(
            access: access,
            credentials: .svid(
                try agentID, serialNumber: serial, expiresAt: self.now.addingTimeInterval(expiresIn)),
            now: self.now
        ) { _ in Authorization.Facts(isAdmin: isAdmin, agent: agent) }
    }

    private var agentID: SPIFFEID {
        get throws { try SPIFFEID(parsing: "spiffe://example.org/spire/agent/join_token/t") }
    }

    private func agent(serial: String = "1", pending: String? = nil, banned: Bool = false) throws -> AttestedAgent {
        AttestedAgent(
            id: try self.agentID, attestationType: "join_token", serialNumber: serial, expiresAt: self.now,
            newSerialNumber: pending, newExpiresAt: pending.map { _ in self.now }, banned: banned)
    }

    @Test("an agent with its current certificate is allowed")
    func current() throws {
        let agent = try self.agent()
        #expect(try self.verdict(agent: agent) == .allowed(.agent(agent)))
    }

    @Test("an agent with its pending certificate is allowed once that is activated")
    func pending() throws {
        let agent = try self.agent(serial: "1", pending: "2")
        #expect(try self.verdict(serial: "2", agent: agent) == .allowedAfterActivation(agent))
    }

    @Test("an agent with another certificate is not active")
    func notActive() throws {
        #expect(try self.verdict(serial: "3", agent: self.agent(pending: "2")) == .denied(.agentNotActive))
    }

    @Test("a certificate is refused at the instant of its expiry")
    func expired() throws {
        #expect(try self.verdict(expiresIn: 0, agent: self.agent()) == .denied(.agentExpired))
    }

    @Test("a banned agent is refused, whatever its certificate")
    func banned() throws {
        #expect(try self.verdict(serial: "", agent: self.agent(serial: "", banned: true)) == .denied(.agentBanned))
    }

    @Test("who is no agent is told so")
    func notAttested() throws {
        #expect(try self.verdict(agent: nil) == .denied(.agentNotAttested))
    }

    @Test("an administrator is no agent")
    func adminIsNoAgent() throws {
        #expect(try self.verdict(isAdmin: true, agent: nil) == .denied(.agentNotAttested))
    }

    @Test("an agent may not call what administrators call, and is told no reason")
    func agentIsNoAdmin() throws {
        #expect(try self.verdict(access: [.local, .admin], agent: self.agent()) == .denied(nil))
    }

    @Test("an administrator whose certificate has expired is refused")
    func expiredAdmin() throws {
        #expect(try self.verdict(expiresIn: 0, access: .admin, isAdmin: true, agent: nil) == .denied(nil))
    }

    @Test("a method without callers is refused to everybody")
    func noCallers() throws {
        let verdict = Authorization.verdict(access: [], credentials: .local(uid: 0), now: self.now) { _ in
            Authorization.Facts(isAdmin: true, agent: nil)
        }
        #expect(verdict == .denied(nil))
    }
}
