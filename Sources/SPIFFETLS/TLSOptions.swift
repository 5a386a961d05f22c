import NIOCore
import NIOSSL
import SPIFFE
import X509

/// What connections of one set of contexts have in common, and how it becomes a NIOSSL configuration.
struct TLSOptions: Sendable {
    /// Key exchange groups in the order of preference: a hybrid with ML-KEM first.
    static let groups: [NIOTLSCurve] = [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1]
    /// The cipher suites of TLS 1.2, where it is allowed; those of TLS 1.3 are all good.
    static let cipherSuites = "ECDHE+AESGCM:ECDHE+CHACHA20"

    /// What a peer may sign with: each kind of key that an X509-SVID may have, and no SHA-1.
    ///
    /// The last three are for TLS 1.2 only.
    static let signatureAlgorithms: [SignatureAlgorithm] = [
        .ecdsaSecp256R1Sha256, .ed25519, .ecdsaSecp384R1Sha384, .ecdsaSecp521R1Sha512,
        .rsaPssRsaeSha256, .rsaPssRsaeSha384, .rsaPssRsaeSha512,
        .rsaPkcs1Sha256, .rsaPkcs1Sha384, .rsaPkcs1Sha512,
    ]

    /// How long a connection that is closed waits for the peer to agree (close_notify).
    static let shutdownTimeout: TimeAmount = .seconds(1)

    var minimumVersion: MinimumTLSVersion
    var applicationProtocols: [String]

    /// A context that offers the SVID, if there is one, and leaves the judgement of the peer to ``SPIFFEPeerHandler``.
    func context(svid: X509SVID?, verification: CertificateVerification) throws -> NIOSSLContext {
        var configuration = self.configuration(verification)
        // The verification callback decides alone; no root of this machine has a say.
        configuration.trustRoots = .certificates([])
        if let svid {
            configuration.certificateChain = try svid.certificates.map {
                .certificate(try NIOSSLCertificate(bytes: $0.derBytes, format: .der))
            }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: svid.privateKeyPKCS8DER, format: .der))
        }
        return try NIOSSLContext(configuration: configuration)
    }

    /// A context that offers a certificate of the Web and asks clients for one, whose judgement is left to
    /// ``SPIFFEPeerHandler``.
    func context(webChain: [NIOSSLCertificate], key: NIOSSLPrivateKey) throws -> NIOSSLContext {
        var configuration = self.configuration(ClientAuthentication.optional.nioSSL)
        configuration.trustRoots = .certificates([])
        configuration.certificateChain = webChain.map { .certificate($0) }
        configuration.privateKey = .privateKey(key)
        return try NIOSSLContext(configuration: configuration)
    }

    /// A context without a certificate of its own that judges a server by its host name and these roots, or, without
    /// any, by those of this machine.
    func webContext(roots: [Certificate]?) throws -> NIOSSLContext {
        var configuration = self.configuration(.fullVerification)
        if let roots {
            configuration.trustRoots = .certificates(
                try roots.map { try NIOSSLCertificate(bytes: $0.derBytes, format: .der) })
        }
        return try NIOSSLContext(configuration: configuration)
    }

    private func configuration(_ verification: CertificateVerification) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = self.minimumVersion.nioSSL
        configuration.curves = Self.groups
        configuration.cipherSuites = Self.cipherSuites
        configuration.verifySignatureAlgorithms = Self.signatureAlgorithms
        configuration.applicationProtocols = self.applicationProtocols
        configuration.shutdownTimeout = Self.shutdownTimeout
        configuration.certificateVerification = verification
        return configuration
    }
}
