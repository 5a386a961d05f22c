import FoundationEssentials
import GRPCCore
import Registration
import SPIFFE
import X509

/// What counts in a PKCS#10 request of an administrator: the key, the one SPIFFE ID and the DNS names.
///
/// In requests of agents only the key counts; ``publicKey(_:)`` reads that.
struct CertificateRequest: Sendable {
    let publicKey: Certificate.PublicKey
    let id: SPIFFEID
    let dnsNames: [String]

    /// Reads a request that is signed with its own key and names a workload of the trust domain.
    ///
    /// - Throws: `RPCError` with INVALID_ARGUMENT.
    init(minting der: Data, in trustDomain: TrustDomain) throws {
        let request = try Self.parsed(der)
        guard let uri = request.uriNames.first else { throw RPCError.invalid("CSR URI SAN is required") }
        guard request.uriNames.count == 1 else { throw RPCError.invalid("only one URI SAN is expected") }
        self.publicKey = request.publicKey
        self.id = try Self.workloadID(uri, in: trustDomain)
        self.dnsNames = try Self.checkedDNSNames(request.dnsNames)
    }

    /// The key of a request that is signed with it.
    ///
    /// - Throws: ``CertificateRequestRefusal``.
    static func publicKey(_ der: Data) throws(CertificateRequestRefusal) -> Certificate.PublicKey {
        try self.parsed(der).publicKey
    }

    private static func parsed(_ der: Data) throws(CertificateRequestRefusal) -> X509SVIDRequest {
        guard der.count <= ControlPlaneLimits.maxCSRBytes else { throw .tooLong }
        do throws(X509SVIDRequestError) {
            return try X509SVIDRequest(parsing: Array(der))
        } catch {
            throw CertificateRequestRefusal(error)
        }
    }

    private static func workloadID(_ uri: String, in trustDomain: TrustDomain) throws -> SPIFFEID {
        do throws(SPIFFEIDRefusal) {
            return try SPIFFEID(uri: uri, as: .workload, in: trustDomain)
        } catch {
            throw RPCError.invalid("CSR URI SAN is invalid: \(error.message)")
        }
    }

    private static func checkedDNSNames(_ names: [String]) throws -> [String] {
        let most = ControlPlaneLimits.maxCSRDNSNames
        guard names.count <= most else {
            throw RPCError.invalid("CSR has too many DNS names: \(names.count), at most \(most)")
        }
        var checked: [String] = []
        for name in names {
            do throws(DNSNameProblem) {
                checked.append(try DNSName.normalized(name))
            } catch {
                throw RPCError.invalid("CSR DNS name is invalid: \(error)")
            }
        }
        if let (wildcard, name) = DNSName.overlap(in: checked) {
            throw RPCError.invalid(
                "CSR DNS name contains a wildcard that covers another non-wildcard name: \(wildcard), \(name)")
        }
        return checked
    }
}

/// Why a PKCS#10 request is refused.
enum CertificateRequestRefusal: Error, Hashable, RPCErrorConvertible {
    case tooLong
    case malformed(String)
    case invalidSignature

    init(_ error: X509SVIDRequestError) {
        self = error == .invalidSignature ? .invalidSignature : .malformed("\(error)")
    }

    var message: String {
        switch self {
        case .tooLong: "malformed CSR: longer than \(ControlPlaneLimits.maxCSRBytes) bytes"
        case .malformed(let reason): "malformed CSR: \(reason)"
        case .invalidSignature: "invalid CSR signature"
        }
    }

    var rpcErrorCode: RPCError.Code { .invalidArgument }
    var rpcErrorMessage: String { self.message }
}
