import ArgumentParser

/// What is measured, with SPIRE's value and ours to reach.
///
/// SPIRE 1.15 with SQLite was measured the same way on a machine of the same kind.
package enum Figure: String, CaseIterable, Sendable, Encodable, ExpressibleByArgument {
    case mintX509 = "mint-x509"
    case mintJWT = "mint-jwt"
    case fetchX509Shared = "fetch-x509-shared"
    case fetchX509Fresh = "fetch-x509-fresh"
    case fetchJWTCached = "fetch-jwt-cached"
    case fetchJWTNew = "fetch-jwt-new"
    case validateJWT = "validate-jwt"
    case fetchToken = "fetch-token-cached"
    case tokenHTTPS = "token-https"
    case issueToken = "issue-token"
    case validateToken = "validate-token"
    case validateTokenAgain = "validate-token-again"
    case validatorMemory = "validator-10000-tokens"
    case revocation
    case parseID = "parse-spiffe-id"
    case validateX509SVID = "validate-x509-svid"
    case validateJWTSVID = "validate-jwt-svid"
    case validateJWTSVIDAgain = "validate-jwt-svid-again"
    case handshake
    case fleetCalls = "fleet-calls"
    case fleetHits = "fleet-hits"
    case fleetTokens = "fleet-tokens"
    case push
    case entries
    case list
    case serverIdle = "server-idle"
    case serverEntries = "server-entries"
    case agentIdle = "agent-idle"
    case agent300 = "agent-300-streams"
    case agent1000 = "agent-1000-streams"

    static let ofTokens: [Figure] = [
        .fetchToken, .tokenHTTPS, .issueToken, .validateToken, .validateTokenAgain, .validatorMemory, .revocation,
    ]
    /// What services do with the library, without asking anybody.
    static let ofLibrary: [Figure] = [
        .parseID, .validateX509SVID, .validateJWTSVID, .validateJWTSVIDAgain, .handshake,
    ]
    /// Many services that call one another.
    static let ofFleet: [Figure] = [.fleetCalls, .fleetHits, .fleetTokens]
    /// Requests a second of the Workload API and the administrator's socket.
    static let rates = Self.allCases.filter { $0.aim.unit == .signatures && !Self.ofTokens.contains($0) }

    package var title: String {
        switch self {
        case .mintX509: "MintX509SVID over the admin socket"
        case .mintJWT: "MintJWTSVID over the admin socket"
        case .fetchX509Shared: "FetchX509SVID, shared connection"
        case .fetchX509Fresh: "FetchX509SVID, fresh connection each time"
        case .fetchJWTCached: "FetchJWTSVID, cached"
        case .fetchJWTNew: "FetchJWTSVID, new audience each time"
        case .validateJWT: "ValidateJWTSVID"
        case .fetchToken: "FetchAccessToken, cached by the agent"
        case .tokenHTTPS: "POST /oauth2/token over kept connections"
        case .issueToken: "an access token issued, in signatures alone"
        case .validateToken: "first validation, in verifications alone"
        case .validateTokenAgain: "validation of a token seen before"
        case .validatorMemory: "memory of 10,000 validated tokens"
        case .revocation: "revoked -> each of 200 validators knows"
        case .parseID: "a SPIFFE ID parsed"
        case .validateX509SVID: "leaf, intermediate, root; in two verifications"
        case .validateJWTSVID: "JWT-SVID, first time; in verifications alone"
        case .validateJWTSVIDAgain: "JWT-SVID that was seen before"
        case .handshake: "mTLS with rotation; in static ones by NIOSSL"
        case .fleetCalls: "an authorised call among 47 services x 3"
        case .fleetHits: "tokens that their validator had seen before"
        case .fleetTokens: "requests for tokens at the server, each pair"
        case .push: "entry created -> an open stream has the SVID"
        case .entries: "20,000 entries in batches of 500, one parent"
        case .list: "list 20,000 entries"
        case .serverIdle: "resident memory, server idle"
        case .serverEntries: "resident memory, server, 20,000 entries"
        case .agentIdle: "resident memory, agent idle"
        case .agent300: "resident memory, agent, 300 streams"
        case .agent1000: "resident memory, agent, 1,000 streams at once"
        }
    }

    package var aim: Aim {
        switch self {
        case .mintX509: Aim(.atMost, 10, .signatures)
        case .mintJWT: Aim(.atMost, 5, .signatures)
        case .fetchX509Shared: Aim(.atMost, 5, .signatures)
        case .fetchX509Fresh: Aim(.atMost, 30, .signatures)
        case .fetchJWTCached: Aim(.atMost, 5, .signatures)
        case .fetchJWTNew: Aim(.atMost, 20, .signatures)
        case .validateJWT: Aim(.atMost, 8, .signatures)
        case .fetchToken: Aim(.atMost, 5, .signatures)
        case .tokenHTTPS: Aim(.atMost, 16, .signatures)
        case .issueToken: Aim(.atMost, 2, .times)
        case .validateToken: Aim(.atMost, 1.25, .times)
        case .validateTokenAgain: Aim(.atMost, 3, .microseconds)
        case .validatorMemory: Aim(.atMost, 16, .megabytes)
        case .revocation: Aim(.atMost, 2_000, .milliseconds)
        case .parseID: Aim(.atMost, 200, .nanoseconds)
        case .validateX509SVID: Aim(.atMost, 1.4, .times)
        case .validateJWTSVID: Aim(.atMost, 1.25, .times)
        case .validateJWTSVIDAgain: Aim(.atMost, 3, .microseconds)
        case .handshake: Aim(.atMost, 1.1, .times)
        case .fleetCalls: Aim(.atMost, 50, .milliseconds)
        case .fleetHits: Aim(.atLeast, 90, .percent)
        case .fleetTokens: Aim(.atMost, 1, .times)
        case .push: Aim(.atMost, 50, .milliseconds)
        case .entries: Aim(.atLeast, 10_000, .perSecond)
        case .list: Aim(.atMost, 0.15, .seconds)
        case .serverIdle: Aim(.atMost, 35, .megabytes)
        case .serverEntries: Aim(.atMost, 60, .megabytes)
        case .agentIdle: Aim(.atMost, 25, .megabytes)
        case .agent300: Aim(.atMost, 35, .megabytes)
        case .agent1000: Aim(.atMost, 50, .megabytes)
        }
    }

    package var spire: String {
        switch self {
        case .mintX509: "31"
        case .mintJWT: "21"
        case .fetchX509Shared: "19"
        case .fetchX509Fresh: "38"
        case .fetchJWTCached: "18"
        case .fetchJWTNew: "58"
        case .validateJWT: "30"
        // SPIRE has no access tokens.
        case .fetchToken, .tokenHTTPS, .issueToken, .validateToken, .validateTokenAgain, .validatorMemory, .revocation:
            ""
        case .parseID, .validateX509SVID, .validateJWTSVID, .validateJWTSVIDAgain, .handshake: ""
        case .fleetCalls, .fleetHits, .fleetTokens: ""
        case .push: "1.3-8.6 s"
        case .entries: "70-700/s, falling"
        case .list: "0.40 s"
        case .serverIdle: "50 MB"
        case .serverEntries: "93 MB"
        case .agentIdle: "31 MB"
        case .agent300: "60 MB"
        case .agent1000: "stops answering"
        }
    }
}

/// A limit that a value is to keep.
package struct Aim: Sendable, Equatable {
    package enum Relation: String, Sendable, Encodable {
        case atMost = "<="
        case atLeast = ">="
    }

    /// What values are in.
    package enum Unit: String, Sendable, Encodable {
        case signatures
        case milliseconds
        case perSecond = "per second"
        case seconds
        case megabytes
        /// How many times the baseline.
        case times
        case microseconds
        case nanoseconds
        case percent

        package func text(_ value: Double) -> String {
            switch self {
            case .signatures: value.text(decimals: 1)
            case .milliseconds: "\(value.text(decimals: 1)) ms"
            case .perSecond: "\(value.text(decimals: 0))/s"
            case .seconds: "\(value.text(decimals: 2)) s"
            case .times: "\(value.text(decimals: 2)) x"
            case .microseconds: "\(value.text(decimals: 1)) us"
            case .nanoseconds: "\(value.text(decimals: 0)) ns"
            case .percent: "\(value.text(decimals: 1)) %"
            case .megabytes: "\(value.text(decimals: 1)) MB"
            }
        }
    }

    package let relation: Relation
    package let limit: Double
    package let unit: Unit

    package init(_ relation: Relation, _ limit: Double, _ unit: Unit) {
        self.relation = relation
        self.limit = limit
        self.unit = unit
    }

    package func isMet(by value: Double) -> Bool {
        switch self.relation {
        case .atMost: value <= self.limit
        case .atLeast: value >= self.limit
        }
    }

    package var text: String { "\(self.relation.rawValue) \(self.unit.text(self.limit))" }
}
