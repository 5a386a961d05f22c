import GRPCCore

/// How many items a page of a listing has.
struct PageSize: Sendable {
    let count: Int

    /// - Parameter requested: 0 leaves it to the server; above what the server gives, it gives what it gives.
    init(_ requested: Int32) throws {
        guard requested >= 0 else { throw RPCError.invalid("page size is negative") }
        let most = ControlPlaneLimits.maxListPage
        self.count = requested == 0 ? most : min(Int(requested), most)
    }
}
