package import ProtoRPC

/// The methods of the SPIFFE Workload API.
package enum WorkloadAPIMethods {
    /// The full name of the service.
    package static let service = "SpiffeWorkloadAPI"

    /// Server streaming.
    package static let fetchX509SVID = RPCMethod<
        X509SVIDRequest, X509SVIDResponse
    >(service: service, name: "FetchX509SVID")
    /// Server streaming.
    package static let fetchX509Bundles = RPCMethod<
        X509BundlesRequest, X509BundlesResponse
    >(service: service, name: "FetchX509Bundles")
    package static let fetchJWTSVID = RPCMethod<JWTSVIDRequest, JWTSVIDResponse>(service: service, name: "FetchJWTSVID")
    /// Server streaming.
    package static let fetchJWTBundles = RPCMethod<
        JWTBundlesRequest, JWTBundlesResponse
    >(service: service, name: "FetchJWTBundles")
    package static let validateJWTSVID = RPCMethod<
        ValidateJWTSVIDRequest, ValidateJWTSVIDResponse
    >(service: service, name: "ValidateJWTSVID")
    /// Server streaming.
    package static let fetchWITSVID = RPCMethod<WITSVIDRequest, WITSVIDResponse>(service: service, name: "FetchWITSVID")
    /// Server streaming.
    package static let fetchWITBundles = RPCMethod<
        WITBundlesRequest, WITBundlesResponse
    >(service: service, name: "FetchWITBundles")
}
