/// The keys of log metadata.
enum LogKey {
    static let agentID = "agent.id"
    static let attempts = "attempts"
    static let cause = "cause"
    static let code = "code"
    static let entryID = "entry.id"
    static let error = "error"
    static let expiresAt = "expires_at"
    static let hint = "hint"
    static let interval = "interval"
    static let selectors = "selectors"
    static let server = "server"
    static let spiffeID = "spiffe.id"
    static let trustDomain = "trust_domain"
}
