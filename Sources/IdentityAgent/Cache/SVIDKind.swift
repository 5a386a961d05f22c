/// A kind of SVID that the agent asks for ahead of its use, and renews.
enum SVIDKind: Sendable {
    case x509
    case wit
}
