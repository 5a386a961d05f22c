package import Registration

/// One database connection inside one transaction, as much of it as the tables need.
///
/// The SQL is what SQLite (3.35 or later) and PostgreSQL have in common. Parameters are written `?` and given in their
/// order; no statement has a `?` in a literal, so a connection may number them.
package protocol SQLConnection {
    /// Runs a statement and returns how many rows it inserted, updated or deleted.
    @discardableResult
    func execute(_ sql: String, _ arguments: [SQLValue]) throws(StoreFailure) -> Int

    /// Runs a query and hands over its rows one by one; a row is valid only during the call.
    func forEachRow(
        of sql: String, _ arguments: [SQLValue], _ body: (any SQLRow) throws(StoreFailure) -> Void
    ) throws(StoreFailure)
}

/// A parameter of a statement.
package enum SQLValue: Hashable, Sendable {
    case text(String)
    case integer(Int64)
    case null

    init(_ text: String?) { self = text.map(Self.text) ?? .null }

    init(_ integer: Int64?) { self = integer.map(Self.integer) ?? .null }

    init(_ flag: Bool) { self = .integer(flag ? 1 : 0) }
}

/// A row of a query; columns are counted from 0.
///
/// Each accessor throws ``StoreFailure/damaged(_:)`` when the column holds something else.
package protocol SQLRow {
    func text(_ column: Int) throws(StoreFailure) -> String
    func optionalText(_ column: Int) throws(StoreFailure) -> String?
    func integer(_ column: Int) throws(StoreFailure) -> Int64
    func optionalInteger(_ column: Int) throws(StoreFailure) -> Int64?
}

extension SQLRow {
    func flag(_ column: Int) throws(StoreFailure) -> Bool { try self.integer(column) != 0 }
}

extension SQLConnection {
    @discardableResult
    func execute(_ sql: String) throws(StoreFailure) -> Int { try self.execute(sql, []) }

    func rows<Value>(
        of sql: String, _ arguments: [SQLValue] = [], _ read: (any SQLRow) throws(StoreFailure) -> Value
    ) throws(StoreFailure) -> [Value] {
        var values: [Value] = []
        try self.forEachRow(of: sql, arguments) { row throws(StoreFailure) in values.append(try read(row)) }
        return values
    }

    /// The first row, if there is one.
    func row<Value>(
        of sql: String, _ arguments: [SQLValue] = [], _ read: (any SQLRow) throws(StoreFailure) -> Value
    ) throws(StoreFailure) -> Value? {
        try self.rows(of: sql, arguments, read).first
    }
}
