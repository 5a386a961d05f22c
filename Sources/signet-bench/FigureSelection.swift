import ArgumentParser

/// Figures by name: one, or a group of them.
package struct FigureSelection: Sendable, Equatable, ExpressibleByArgument {
    package let figures: [Figure]

    private static let groups: [(name: String, figures: [Figure])] = [
        ("rates", Figure.rates), ("tokens", Figure.ofTokens), ("library", Figure.ofLibrary),
        ("fleet", Figure.ofFleet),
    ]

    package init?(argument: String) {
        if let group = Self.groups.first(where: { $0.name == argument }) {
            self.figures = group.figures
        } else if let figure = Figure(rawValue: argument) {
            self.figures = [figure]
        } else {
            return nil
        }
    }

    package static var allValueStrings: [String] {
        Self.groups.map(\.name) + Figure.allCases.map(\.rawValue)
    }
}
