package import AccessGrants
package import FoundationEssentials
package import Registration
import SPIFFE

extension Datastore: AccessStore {
    package func accessPolicy() async throws(StoreFailure) -> AccessPolicy {
        let trustDomain = self.trustDomain
        return try await self.database.read { sql throws(StoreFailure) in
            AccessPolicy(
                services: try ServicesTable.all(sql, in: trustDomain), grants: try GrantsTable.all(sql, in: trustDomain)
            )
        }
    }

    package func apply(
        _ changes: [AccessChange], actor: Actor, now: Date
    ) async throws(StoreFailure) -> ChangePosition {
        try await self.commit(actor: actor, now: now) { sql, recorder throws(StoreFailure) in
            for change in changes {
                if case .putService(let service) = change, changes.count > 1 {
                    try ServicesTable.releaseAudience(sql, name: service.name)
                }
            }
            for change in changes {
                switch change {
                case .putService(let service):
                    try ServicesTable.put(sql, service)
                    try recorder.record(.service, service.name.text, on: sql)
                case .deleteService(let name):
                    try ServicesTable.delete(sql, name: name)
                    try recorder.record(.service, name.text, on: sql)
                case .putGrant(let grant):
                    try GrantsTable.put(sql, grant)
                    try recorder.record(.grant, grant.id, on: sql)
                case .deleteGrant(let id):
                    try GrantsTable.delete(sql, id: id)
                    try recorder.record(.grant, id, on: sql)
                }
            }
        }.position
    }
}
