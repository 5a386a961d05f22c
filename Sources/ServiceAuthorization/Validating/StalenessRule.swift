/// What happens to a call when the state of revocations is older than the validator allows.
///
/// A decision of each route. It is only about age: a bad signature, a missing scope or a known revocation refuses in any
/// case.
public enum StalenessRule: Hashable, Sendable {
    /// The call is refused (fail closed).
    case refuse
    /// The call passes while the state is at most this old (fail open, within limits); it is counted and recorded.
    case accept(upTo: Duration)
}
