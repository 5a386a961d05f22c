package import ProtoRPC

/// The methods of the server's Entry API.
package enum EntryMethods {
    /// The full name of the service.
    package static let service = "spire.api.server.entry.v1.Entry"

    package static let countEntries = RPCMethod<
        Spire_Api_Server_Entry_V1_CountEntriesRequest, Spire_Api_Server_Entry_V1_CountEntriesResponse
    >(service: service, name: "CountEntries")
    package static let listEntries = RPCMethod<
        Spire_Api_Server_Entry_V1_ListEntriesRequest, Spire_Api_Server_Entry_V1_ListEntriesResponse
    >(service: service, name: "ListEntries")
    package static let getEntry = RPCMethod<
        Spire_Api_Server_Entry_V1_GetEntryRequest, Spire_Api_Types_Entry
    >(service: service, name: "GetEntry")
    package static let batchCreateEntry = RPCMethod<
        Spire_Api_Server_Entry_V1_BatchCreateEntryRequest, Spire_Api_Server_Entry_V1_BatchCreateEntryResponse
    >(service: service, name: "BatchCreateEntry")
    package static let batchUpdateEntry = RPCMethod<
        Spire_Api_Server_Entry_V1_BatchUpdateEntryRequest, Spire_Api_Server_Entry_V1_BatchUpdateEntryResponse
    >(service: service, name: "BatchUpdateEntry")
    package static let batchDeleteEntry = RPCMethod<
        Spire_Api_Server_Entry_V1_BatchDeleteEntryRequest, Spire_Api_Server_Entry_V1_BatchDeleteEntryResponse
    >(service: service, name: "BatchDeleteEntry")
    package static let getAuthorizedEntries = RPCMethod<
        Spire_Api_Server_Entry_V1_GetAuthorizedEntriesRequest, Spire_Api_Server_Entry_V1_GetAuthorizedEntriesResponse
    >(service: service, name: "GetAuthorizedEntries")
    /// Bidirectional streaming.
    package static let syncAuthorizedEntries = RPCMethod<
        Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesRequest, Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesResponse
    >(service: service, name: "SyncAuthorizedEntries")
}
