import ControlPlaneProtos
package import FoundationEssentials

/// Which version of an entry a server has.
package struct EntryRevision: Hashable, Sendable {
    package let id: String
    package let number: Int64
    /// Tells an entry from a later one that was given its ID.
    package let createdAt: Date

    package init(id: String, number: Int64, createdAt: Date) {
        self.id = id
        self.number = number
        self.createdAt = createdAt
    }

    init(_ proto: Spire_Api_Server_Entry_V1_EntryRevision) {
        self.init(id: proto.id, number: proto.revisionNumber, createdAt: Date(seconds: proto.createdAt))
    }
}
