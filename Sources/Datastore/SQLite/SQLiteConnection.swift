import GRDB
import Registration

/// GRDB's connection with statements prepared once and kept.
struct SQLiteConnection: SQLConnection {
    let database: Database

    func execute(_ sql: String, _ arguments: [SQLValue]) throws(StoreFailure) -> Int {
        do {
            try self.database.cachedStatement(sql: sql).execute(arguments: Self.bindings(arguments))
            return self.database.changesCount
        } catch {
            throw StoreFailure(sqlite: error)
        }
    }

    func forEachRow(
        of sql: String, _ arguments: [SQLValue], _ body: (any SQLRow) throws(StoreFailure) -> Void
    ) throws(StoreFailure) {
        do {
            let statement = try self.database.cachedStatement(sql: sql)
            let cursor = try Row.fetchCursor(statement, arguments: Self.bindings(arguments))
            while let row = try cursor.next() {
                try body(SQLiteRow(row: row))
            }
        } catch {
            throw StoreFailure(sqlite: error)
        }
    }

    private static func bindings(_ arguments: [SQLValue]) -> StatementArguments {
        StatementArguments(
            arguments.map { argument in
                switch argument {
                case .text(let text): text.databaseValue
                case .integer(let integer): integer.databaseValue
                case .null: DatabaseValue.null
                }
            })
    }
}

/// A row read without GRDB's conversions, which stop the program on a value of another type.
private struct SQLiteRow: SQLRow {
    let row: Row

    func text(_ column: Int) throws(StoreFailure) -> String {
        guard let text = try self.optionalText(column) else { throw self.damaged(column) }
        return text
    }

    func integer(_ column: Int) throws(StoreFailure) -> Int64 {
        guard let integer = try self.optionalInteger(column) else { throw self.damaged(column) }
        return integer
    }

    func optionalText(_ column: Int) throws(StoreFailure) -> String? {
        switch (self.row[column] as DatabaseValue).storage {
        case .string(let text): text
        case .null: nil
        default: throw self.damaged(column)
        }
    }

    func optionalInteger(_ column: Int) throws(StoreFailure) -> Int64? {
        switch (self.row[column] as DatabaseValue).storage {
        case .int64(let integer): integer
        case .null: nil
        default: throw self.damaged(column)
        }
    }

    private func damaged(_ column: Int) -> StoreFailure {
        .damaged("column \(column) holds a value of another type")
    }
}
