import Foundation

/// Rows of text in columns, for people.
package struct Table: Sendable {
    package let header: [String]
    package let rows: [[String]]

    package init(header: [String], rows: [[String]]) {
        self.header = header
        self.rows = rows
    }

    /// Columns as wide as their widest cell, two spaces apart, a rule below the header, no spaces at the ends.
    package var text: String {
        let lines = [self.header] + self.rows
        let widths = self.header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let rule = widths.map { String(repeating: "-", count: $0) }
        return ([self.header, rule] + self.rows).map { cells in
            var line = zip(cells, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}

extension Double {
    /// The number with a comma between thousands and so many decimals.
    package func text(decimals: Int) -> String {
        self.formatted(
            .number.locale(Locale(identifier: "en_US")).precision(.fractionLength(decimals)).grouping(.automatic))
    }
}
