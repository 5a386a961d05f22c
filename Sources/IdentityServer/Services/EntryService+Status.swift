import ControlPlaneProtos
import GRPCCore
import Registration

// How the outcomes of entry batches appear on the wire: codes and, where agents and tools compare them, words as
// SPIRE's.

extension EntryRefusal {
    fileprivate var status: Spire_Api_Types_Status {
        switch self {
        case .missingID: .failed(.invalidArgument, "missing entry ID")
        case .invalid(let error): .failed(.invalidArgument, "failed to convert entry: \(error)")
        case .store(.alreadyExists): .failed(.alreadyExists, "similar entry already exists")
        case .store(.idTaken(let id)): .failed(.alreadyExists, "another entry has the ID \(id)")
        case .store(.notFound): .failed(.notFound, "entry not found")
        }
    }

    /// The entry that stands in the way, which the caller is shown.
    fileprivate var existing: RegistrationEntry? {
        guard case .store(.alreadyExists(let entry)) = self else { return nil }
        return entry
    }
}

extension Spire_Api_Server_Entry_V1_BatchCreateEntryResponse.Result {
    init(_ outcome: Result<RegistrationEntry, EntryRefusal>, mask: Spire_Api_Types_EntryMask?) {
        self.init()
        switch outcome {
        case .success(let entry):
            self.status = .ok
            self.entry = entry.proto(mask)
        case .failure(let refusal):
            self.status = refusal.status
            if let existing = refusal.existing { self.entry = existing.proto(mask) }
        }
    }
}

extension Spire_Api_Server_Entry_V1_BatchUpdateEntryResponse.Result {
    init(_ outcome: Result<RegistrationEntry, EntryRefusal>, mask: Spire_Api_Types_EntryMask?) {
        self.init()
        switch outcome {
        case .success(let entry):
            self.status = .ok
            self.entry = entry.proto(mask)
        case .failure(let refusal):
            self.status = refusal.status
        }
    }
}

extension Spire_Api_Server_Entry_V1_BatchDeleteEntryResponse.Result {
    init(_ outcome: Result<RegistrationEntry, EntryRefusal>, id: String) {
        self.init()
        self.id = id
        switch outcome {
        case .success: self.status = .ok
        case .failure(let refusal): self.status = refusal.status
        }
    }
}
