import GRDB
import Registration

extension StoreFailure {
    /// What an error of SQLite means to the store's callers; the text never has a statement's parameters.
    init(sqlite error: any Error) {
        if let failure = error as? StoreFailure {
            self = failure
            return
        }
        guard let error = error as? DatabaseError else {
            self = .unavailable(String(describing: type(of: error)))
            return
        }
        let text = "SQLite \(error.extendedResultCode.rawValue): \(error.message ?? "no message")"
        self =
            switch error.resultCode {
            case .SQLITE_FULL: .full(text)
            case .SQLITE_BUSY, .SQLITE_LOCKED: .busy(text)
            case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: .readOnly(text)
            case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_CONSTRAINT, .SQLITE_MISMATCH: .damaged(text)
            default: .unavailable(text)
            }
    }

    /// The engine's text alone.
    var engineText: String {
        switch self {
        case .full(let text), .busy(let text), .readOnly(let text), .damaged(let text), .unavailable(let text): text
        }
    }
}
