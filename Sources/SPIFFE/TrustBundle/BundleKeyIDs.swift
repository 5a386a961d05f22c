/// The rule that a `kid` is unique in the whole bundle, JWT and WIT authorities together (WIT-SVID §6).
enum BundleKeyIDs {
    /// The bytes of the `kid`s that authorities of both kinds have.
    static func shared(_ jwtAuthorities: [JWTAuthority], _ witAuthorities: [WITAuthority]) -> Set<[UInt8]> {
        guard !witAuthorities.isEmpty else { return [] }
        return Set(jwtAuthorities.map { Array($0.keyID.utf8) })
            .intersection(witAuthorities.map { Array($0.keyID.utf8) })
    }
}
