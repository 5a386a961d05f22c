import FoundationEssentials
import NodeAttestation
import Registration
import SPIFFE
import Testing

@Suite("Changes of an attested agent", .timeLimit(.minutes(1)))
struct AttestedAgentTests {
    private let later = Date(timeIntervalSince1970: 2000)

    private func agent(
        serial: String = "1", expiresAt: Double = 1000, pending: String? = nil, banned: Bool = false,
        version: String = ""
    ) throws -> AttestedAgent {
        AttestedAgent(
            id: try SPIFFEID(parsing: "spiffe://example.org/spire/agent/join_token/a"), attestationType: "join_token",
            serialNumber: serial, expiresAt: Date(timeIntervalSince1970: expiresAt), newSerialNumber: pending,
            newExpiresAt: pending == nil ? nil : self.later, selectors: [try Selector(parsing: "a:b")], banned: banned,
            agentVersion: version)
    }

    @Test("a renewed SVID waits beside the current one")
    func pending() throws {
        #expect(
            try self.agent().applying(.pending(serialNumber: "2", expiresAt: self.later)) == self.agent(pending: "2"))
    }

    @Test("a second renewal replaces the one that waits")
    func pendingAgain() throws {
        let change = AgentChange.pending(serialNumber: "3", expiresAt: self.later)
        #expect(try self.agent(pending: "2").applying(change) == self.agent(pending: "3"))
    }

    @Test("the first use makes the waiting SVID the current one")
    func activate() throws {
        #expect(
            try self.agent(pending: "2").applying(.activate(serialNumber: "2"))
                == self.agent(serial: "2", expiresAt: 2000))
    }

    @Test("activating the current SVID changes nothing, and the waiting one goes on waiting")
    func activateCurrent() throws {
        #expect(try self.agent(pending: "2").applying(.activate(serialNumber: "1")) == nil)
    }

    @Test("an unknown serial number is refused")
    func activateUnknown() throws {
        let agent = try self.agent(pending: "2")
        #expect(throws: NodeStoreError.serialNumberUnknown(agent.id, serialNumber: "9")) {
            try agent.applying(.activate(serialNumber: "9"))
        }
    }

    @Test("a ban blanks every serial number and keeps the rest")
    func ban() throws {
        #expect(
            try self.agent(pending: "2", version: "1").applying(.ban)
                == self.agent(serial: "", banned: true, version: "1"))
    }

    @Test("banning again changes nothing")
    func banAgain() throws {
        #expect(try self.agent(serial: "", banned: true).applying(.ban) == nil)
    }

    @Test("a banned agent gets no new SVID, not even by an empty serial number")
    func bannedStays() throws {
        let agent = try self.agent(serial: "", banned: true)
        #expect(throws: NodeStoreError.banned(agent.id)) {
            try agent.applying(.pending(serialNumber: "2", expiresAt: self.later))
        }
        #expect(throws: NodeStoreError.banned(agent.id)) { try agent.applying(.activate(serialNumber: "")) }
    }

    @Test("the version an agent reports is kept, the same again changes nothing")
    func version() throws {
        #expect(try self.agent().applying(.version("1.2")) == self.agent(version: "1.2"))
        #expect(try self.agent(version: "1.2").applying(.version("1.2")) == nil)
        #expect(
            try self.agent(serial: "", banned: true).applying(.version("2"))
                == self.agent(serial: "", banned: true, version: "2"))
    }

    @Test("every condition of a filter must hold; expiry is strictly before")
    func filter() throws {
        let agent = try self.agent()
        #expect(AgentFilter().matches(agent))
        #expect(AgentFilter(attestationType: "join_token", banned: false, canReattest: false).matches(agent))
        #expect(!AgentFilter(attestationType: "x509pop").matches(agent))
        #expect(!AgentFilter(banned: true).matches(agent))
        #expect(!AgentFilter(canReattest: true).matches(agent))
        #expect(AgentFilter(expiresBefore: Date(timeIntervalSince1970: 1001)).matches(agent))
        #expect(!AgentFilter(expiresBefore: Date(timeIntervalSince1970: 1000)).matches(agent))
        #expect(AgentFilter(selectors: try SetMatch(Set(agent.selectors), .exact, field: .selectors)).matches(agent))
    }
}
