public import SPIFFE

/// What is known of the connection on which a request came.
public enum SPIFFEConnection {
    /// The verified peer of the connection whose request this task handles; nil outside of any, and where the server
    /// is not one of `HTTPServerBuilder.spiffe`.
    ///
    /// For request contexts of one's own; ``SPIFFERequestContext`` has it already.
    @TaskLocal public static var peer: VerifiedX509SVID?
}
