import Authority
import Logging

extension AuthorityStartFindings {
    /// Tells the operator what does not go together, and what to do.
    func report(to logger: Logger) {
        for lost in self.lostKeys {
            logger.warning(
                """
                the private key of an authority is lost: a new authority takes its place. To keep the old one, stop, \
                restore the database and keys.json from one backup, and start again
                """,
                metadata: [
                    "authority.id": "\(lost.authorityID)", "authority.slot": "\(lost.slot.rawValue)",
                    "key.id": "\(lost.keyName)",
                ])
        }
        if !self.keptKeys.isEmpty {
            logger.warning(
                """
                there are keys of authorities that the database does not know: they are kept until the next start. If the \
                database was lost, stop, restore it and keys.json from one backup, and start again
                """, metadata: ["key.ids": "\(self.keptKeys.joined(separator: " "))"])
        }
    }
}
