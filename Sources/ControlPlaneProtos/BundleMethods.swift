package import ProtoRPC

/// The methods of the server's Bundle API.
package enum BundleMethods {
    /// The full name of the service.
    package static let service = "spire.api.server.bundle.v1.Bundle"

    package static let countBundles = RPCMethod<
        Spire_Api_Server_Bundle_V1_CountBundlesRequest, Spire_Api_Server_Bundle_V1_CountBundlesResponse
    >(service: service, name: "CountBundles")
    package static let getBundle = RPCMethod<
        Spire_Api_Server_Bundle_V1_GetBundleRequest, Spire_Api_Types_Bundle
    >(service: service, name: "GetBundle")
    package static let appendBundle = RPCMethod<
        Spire_Api_Server_Bundle_V1_AppendBundleRequest, Spire_Api_Types_Bundle
    >(service: service, name: "AppendBundle")
    package static let publishJWTAuthority = RPCMethod<
        Spire_Api_Server_Bundle_V1_PublishJWTAuthorityRequest, Spire_Api_Server_Bundle_V1_PublishJWTAuthorityResponse
    >(service: service, name: "PublishJWTAuthority")
    package static let publishWITAuthority = RPCMethod<
        Spire_Api_Server_Bundle_V1_PublishWITAuthorityRequest, Spire_Api_Server_Bundle_V1_PublishWITAuthorityResponse
    >(service: service, name: "PublishWITAuthority")
    package static let listFederatedBundles = RPCMethod<
        Spire_Api_Server_Bundle_V1_ListFederatedBundlesRequest, Spire_Api_Server_Bundle_V1_ListFederatedBundlesResponse
    >(service: service, name: "ListFederatedBundles")
    package static let getFederatedBundle = RPCMethod<
        Spire_Api_Server_Bundle_V1_GetFederatedBundleRequest, Spire_Api_Types_Bundle
    >(service: service, name: "GetFederatedBundle")
    package static let batchCreateFederatedBundle = RPCMethod<
        Spire_Api_Server_Bundle_V1_BatchCreateFederatedBundleRequest,
        Spire_Api_Server_Bundle_V1_BatchCreateFederatedBundleResponse
    >(service: service, name: "BatchCreateFederatedBundle")
    package static let batchUpdateFederatedBundle = RPCMethod<
        Spire_Api_Server_Bundle_V1_BatchUpdateFederatedBundleRequest,
        Spire_Api_Server_Bundle_V1_BatchUpdateFederatedBundleResponse
    >(service: service, name: "BatchUpdateFederatedBundle")
    package static let batchSetFederatedBundle = RPCMethod<
        Spire_Api_Server_Bundle_V1_BatchSetFederatedBundleRequest,
        Spire_Api_Server_Bundle_V1_BatchSetFederatedBundleResponse
    >(service: service, name: "BatchSetFederatedBundle")
    package static let batchDeleteFederatedBundle = RPCMethod<
        Spire_Api_Server_Bundle_V1_BatchDeleteFederatedBundleRequest,
        Spire_Api_Server_Bundle_V1_BatchDeleteFederatedBundleResponse
    >(service: service, name: "BatchDeleteFederatedBundle")
}
