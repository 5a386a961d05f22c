import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import NodeAttestation
import Registration
import SPIFFE
import SwiftProtobuf

// SPIRE's API has the same filter twice, for counting and for listing: both become one value here.

/// The filter of an entry listing or count, as received.
struct EntryFilterFields: Sendable {
    var spiffeID: Spire_Api_Types_SPIFFEID?
    var parentID: Spire_Api_Types_SPIFFEID?
    var selectors: Spire_Api_Types_SelectorMatch?
    var federatesWith: Spire_Api_Types_FederatesWithMatch?
    var hint: String?
    var downstream: Bool?
}

extension Spire_Api_Server_Entry_V1_ListEntriesRequest.Filter {
    var fields: EntryFilterFields {
        EntryFilterFields(
            spiffeID: self.hasBySpiffeID ? self.bySpiffeID : nil, parentID: self.hasByParentID ? self.byParentID : nil,
            selectors: self.hasBySelectors ? self.bySelectors : nil,
            federatesWith: self.hasByFederatesWith ? self.byFederatesWith : nil,
            hint: self.hasByHint ? self.byHint.value : nil,
            downstream: self.hasByDownstream ? self.byDownstream.value : nil)
    }
}

extension Spire_Api_Server_Entry_V1_CountEntriesRequest.Filter {
    var fields: EntryFilterFields {
        EntryFilterFields(
            spiffeID: self.hasBySpiffeID ? self.bySpiffeID : nil, parentID: self.hasByParentID ? self.byParentID : nil,
            selectors: self.hasBySelectors ? self.bySelectors : nil,
            federatesWith: self.hasByFederatesWith ? self.byFederatesWith : nil,
            hint: self.hasByHint ? self.byHint.value : nil,
            downstream: self.hasByDownstream ? self.byDownstream.value : nil)
    }
}

extension EntryFilter {
    /// - Throws: `RPCError` with INVALID_ARGUMENT that names the part of the filter.
    init(_ fields: EntryFilterFields, in trustDomain: TrustDomain) throws {
        self.init()
        // An empty hint asks for nothing, as SPIRE has it.
        self.hint = fields.hint?.isEmpty == true ? nil : fields.hint
        self.downstream = fields.downstream
        do throws(SPIFFEIDRefusal) {
            self.parentID = try fields.parentID?.parsed(as: .member, in: trustDomain)
        } catch {
            throw RPCError.invalid("malformed parent ID filter: \(error.message)")
        }
        do throws(SPIFFEIDRefusal) {
            self.spiffeID = try fields.spiffeID?.parsed(as: .workload, in: trustDomain)
        } catch {
            throw RPCError.invalid("malformed SPIFFE ID filter: \(error.message)")
        }
        self.selectors = try fields.selectors.map { try SetMatch($0, called: "malformed selectors filter") }
        self.federatesWith = try fields.federatesWith.map { try SetMatch($0) }
    }
}

extension SetMatch<Selector> {
    fileprivate init(_ proto: Spire_Api_Types_SelectorMatch, called name: String) throws {
        guard let behavior = MatchBehavior(rawValue: proto.match.rawValue) else {
            throw RPCError.invalid("\(name): unknown match behavior")
        }
        guard proto.selectors.count <= ControlPlaneLimits.maxFilterValues else {
            throw RPCError.invalid("\(name): more than \(ControlPlaneLimits.maxFilterValues) selectors")
        }
        do throws(RegistrationError) {
            var selectors: Set<Selector> = []
            for selector in proto.selectors {
                selectors.insert(try Selector(type: selector.type, value: selector.value))
            }
            try self.init(selectors, behavior, field: .selectors)
        } catch {
            throw RPCError.invalid("\(name): \(error)")
        }
    }
}

extension SetMatch<TrustDomain> {
    fileprivate init(_ proto: Spire_Api_Types_FederatesWithMatch) throws {
        let name = "malformed federates with filter"
        guard let behavior = MatchBehavior(rawValue: proto.match.rawValue) else {
            throw RPCError.invalid("\(name): unknown match behavior")
        }
        guard proto.trustDomains.count <= ControlPlaneLimits.maxFilterValues else {
            throw RPCError.invalid("\(name): more than \(ControlPlaneLimits.maxFilterValues) trust domains")
        }
        var trustDomains: Set<TrustDomain> = []
        for text in proto.trustDomains {
            do throws(SPIFFEIDError) {
                trustDomains.insert(try TrustDomain(nameOrID: text))
            } catch {
                throw RPCError.invalid("\(name): \(error)")
            }
        }
        do throws(RegistrationError) {
            try self.init(trustDomains, behavior, field: .federatesWith)
        } catch {
            throw RPCError.invalid("\(name): \(error)")
        }
    }
}

/// The filter of an agent listing or count, as received.
struct AgentFilterFields: Sendable {
    var attestationType: String
    var selectors: Spire_Api_Types_SelectorMatch?
    var banned: Bool?
    var canReattest: Bool?
    var expiresBefore: String
}

extension Spire_Api_Server_Agent_V1_ListAgentsRequest.Filter {
    var fields: AgentFilterFields {
        AgentFilterFields(
            attestationType: self.byAttestationType, selectors: self.hasBySelectorMatch ? self.bySelectorMatch : nil,
            banned: self.hasByBanned ? self.byBanned.value : nil,
            canReattest: self.hasByCanReattest ? self.byCanReattest.value : nil, expiresBefore: self.byExpiresBefore)
    }
}

extension Spire_Api_Server_Agent_V1_CountAgentsRequest.Filter {
    var fields: AgentFilterFields {
        AgentFilterFields(
            attestationType: self.byAttestationType, selectors: self.hasBySelectorMatch ? self.bySelectorMatch : nil,
            banned: self.hasByBanned ? self.byBanned.value : nil,
            canReattest: self.hasByCanReattest ? self.byCanReattest.value : nil, expiresBefore: self.byExpiresBefore)
    }
}

extension AgentFilter {
    /// - Throws: `RPCError` with INVALID_ARGUMENT that names the part of the filter.
    init(_ fields: AgentFilterFields) throws {
        self.init(
            attestationType: fields.attestationType.isEmpty ? nil : fields.attestationType,
            selectors: try fields.selectors.map { try SetMatch($0, called: "failed to parse selectors") },
            banned: fields.banned, canReattest: fields.canReattest)
        guard !fields.expiresBefore.isEmpty else { return }
        guard let date = Date(spireTime: fields.expiresBefore) else {
            throw RPCError.invalid("malformed expires before filter: expected YYYY-MM-DD hh:mm:ss -hhmm -hh")
        }
        self.expiresBefore = date
    }
}

extension Date {
    /// Reads the time format of SPIRE's command line, `2006-01-02 15:04:05 -0700 -07`: the zone comes twice.
    init?(spireTime text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard text.utf8.count <= 40, parts.count == 4, parts[2].utf8.count == 5,
            let date = try? Date("\(parts[0])T\(parts[1])\(parts[2])", strategy: .iso8601)
        else { return nil }
        self = date
    }
}
