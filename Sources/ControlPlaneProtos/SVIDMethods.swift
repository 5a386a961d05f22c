package import ProtoRPC

/// The methods of the server's SVID API.
package enum SVIDMethods {
    /// The full name of the service.
    package static let service = "spire.api.server.svid.v1.SVID"

    package static let mintX509SVID = RPCMethod<
        Spire_Api_Server_Svid_V1_MintX509SVIDRequest, Spire_Api_Server_Svid_V1_MintX509SVIDResponse
    >(service: service, name: "MintX509SVID")
    package static let mintJWTSVID = RPCMethod<
        Spire_Api_Server_Svid_V1_MintJWTSVIDRequest, Spire_Api_Server_Svid_V1_MintJWTSVIDResponse
    >(service: service, name: "MintJWTSVID")
    package static let mintWITSVID = RPCMethod<
        Spire_Api_Server_Svid_V1_MintWITSVIDRequest, Spire_Api_Server_Svid_V1_MintWITSVIDResponse
    >(service: service, name: "MintWITSVID")
    package static let batchNewX509SVID = RPCMethod<
        Spire_Api_Server_Svid_V1_BatchNewX509SVIDRequest, Spire_Api_Server_Svid_V1_BatchNewX509SVIDResponse
    >(service: service, name: "BatchNewX509SVID")
    package static let newJWTSVID = RPCMethod<
        Spire_Api_Server_Svid_V1_NewJWTSVIDRequest, Spire_Api_Server_Svid_V1_NewJWTSVIDResponse
    >(service: service, name: "NewJWTSVID")
    package static let batchNewWITSVID = RPCMethod<
        Spire_Api_Server_Svid_V1_BatchNewWITSVIDRequest, Spire_Api_Server_Svid_V1_BatchNewWITSVIDResponse
    >(service: service, name: "BatchNewWITSVID")
    package static let newDownstreamX509CA = RPCMethod<
        Spire_Api_Server_Svid_V1_NewDownstreamX509CARequest, Spire_Api_Server_Svid_V1_NewDownstreamX509CAResponse
    >(service: service, name: "NewDownstreamX509CA")
}
