package import FoundationEssentials
import GRPCCore
package import Registration
package import SPIFFE
package import WorkloadAPIProtos

/// The messages of the Workload API, made from a snapshot for the entries of a caller.
package enum WorkloadAnswers {
    /// FetchX509SVID (Workload API §5.2.1).
    ///
    /// - Throws: `RPCError` UNAVAILABLE when none of the entries could be signed for.
    package static func x509SVIDs(
        _ snapshot: WorkloadSnapshot, _ entries: [RegistrationEntry], now: Date
    ) throws -> StreamAnswer<X509SVIDResponse> {
        var response = X509SVIDResponse()
        var isComplete = true
        var failure: String?
        for entry in entries {
            if let svid = snapshot.svids[entry.id], svid.isServable(for: entry, now: now),
                case .x509(var message) = svid.content
            {
                message.bundle = snapshot.bundles.x509(entry.spiffeID.trustDomain) ?? Data()
                message.hint = entry.hint
                response.svids.append(message)
            } else if let reason = snapshot.failures[entry.id] {
                failure = reason
            } else {
                isComplete = false
            }
        }
        for trustDomain in self.federated(entries) {
            response.federatedBundles[trustDomain.id.uri] = snapshot.bundles.x509(trustDomain)
        }
        if response.svids.isEmpty {
            guard isComplete, let failure else { return .pending }
            throw RPCError(code: .unavailable, message: "could not issue an X509-SVID: \(failure)")
        }
        return isComplete ? .complete(response) : .partial(response)
    }

    /// FetchX509Bundles (Workload API §5.2.2).
    package static func x509Bundles(
        _ snapshot: WorkloadSnapshot, _ entries: [RegistrationEntry]
    ) -> StreamAnswer<X509BundlesResponse> {
        var response = X509BundlesResponse()
        for trustDomain in self.federated(entries).union([snapshot.bundles.own.trustDomain]) {
            response.bundles[trustDomain.id.uri] = snapshot.bundles.x509(trustDomain)
        }
        return .complete(response)
    }

    /// FetchJWTBundles (Workload API §6.2.2).
    package static func jwtBundles(
        _ snapshot: WorkloadSnapshot, _ entries: [RegistrationEntry]
    ) -> StreamAnswer<JWTBundlesResponse> {
        var response = JWTBundlesResponse()
        for trustDomain in self.federated(entries).union([snapshot.bundles.own.trustDomain]) {
            response.bundles[trustDomain.id.uri] = snapshot.bundles.jwt(trustDomain)
        }
        return .complete(response)
    }

    /// FetchWITSVID (Workload API §7).
    ///
    /// - Throws: `RPCError` UNAVAILABLE when none of the entries could be signed for.
    package static func witSVIDs(
        _ snapshot: WorkloadSnapshot, _ entries: [RegistrationEntry], now: Date
    ) throws -> StreamAnswer<WITSVIDResponse> {
        var response = WITSVIDResponse()
        var isComplete = true
        var failure: String?
        for entry in entries {
            if let svid = snapshot.wits[entry.id], svid.isServable(for: entry, now: now),
                case .wit(var message) = svid.content
            {
                message.hint = entry.hint
                response.svids.append(message)
            } else if let reason = snapshot.witFailures[entry.id] {
                failure = reason
            } else {
                isComplete = false
            }
        }
        if response.svids.isEmpty {
            guard isComplete, let failure else { return .pending }
            throw RPCError(code: .unavailable, message: "could not issue a WIT-SVID: \(failure)")
        }
        return isComplete ? .complete(response) : .partial(response)
    }

    /// FetchWITBundles (Workload API §7).
    package static func witBundles(
        _ snapshot: WorkloadSnapshot, _ entries: [RegistrationEntry]
    ) -> StreamAnswer<WITBundlesResponse> {
        var response = WITBundlesResponse()
        for trustDomain in self.federated(entries).union([snapshot.bundles.own.trustDomain]) {
            response.bundles[trustDomain.id.uri] = snapshot.bundles.wit(trustDomain)
        }
        return .complete(response)
    }

    /// The trust domains that the entries federate with.
    package static func federated(_ entries: [RegistrationEntry]) -> Set<TrustDomain> {
        Set(entries.lazy.flatMap(\.federatesWith))
    }
}
