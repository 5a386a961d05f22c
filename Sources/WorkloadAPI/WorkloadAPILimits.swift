/// The most that is accepted from a Workload API in one message.
public enum WorkloadAPILimits {
    /// Bytes of a message: 4 MiB, as gRPC clients in other languages have it.
    public static let maxMessageBytes = 4 * 1024 * 1024
    /// SVIDs of a response.
    public static let maxSVIDs = 1_000
    /// Trust bundles of a response.
    public static let maxBundles = 10_000
    /// Certificate revocation lists of a response.
    public static let maxRevocationLists = 10_000
    /// Bytes of a hint (SPIFFE Workload API §8).
    public static let maxHintBytes = 1_024
    /// Bytes of a server's error message that are kept.
    public static let maxErrorMessageBytes = 4_096
}
