/// One figure as it was measured.
package struct Finding: Sendable, Equatable {
    package let figure: Figure
    /// What came out, in words of its own: a rate, percentiles.
    package let measured: String
    /// What the machine itself did right before and after; empty when there is no such thing.
    package let baseline: String
    /// What is compared with the aim, in the aim's unit.
    package let value: Double
    /// What else must hold for the aim to be met; nil when it does.
    package let failing: String?
    /// Where the time went, and what else is worth knowing.
    package let notes: [String]

    package init(
        _ figure: Figure, value: Double, measured: String = "", baseline: String = "", failing: String? = nil,
        notes: [String] = []
    ) {
        self.figure = figure
        self.value = value
        self.measured = measured
        self.baseline = baseline
        self.failing = failing
        self.notes = notes
    }

    package var isMet: Bool { self.failing == nil && self.figure.aim.isMet(by: self.value) }
}

extension Finding: Encodable {
    private enum CodingKeys: String, CodingKey {
        case name, title, measured, baseline, value, unit, spire, aim, met, failing, notes
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.figure, forKey: .name)
        try container.encode(self.figure.title, forKey: .title)
        try container.encode(self.measured, forKey: .measured)
        try container.encode(self.baseline, forKey: .baseline)
        try container.encode(self.value, forKey: .value)
        try container.encode(self.figure.aim.unit, forKey: .unit)
        try container.encode(self.figure.spire, forKey: .spire)
        try container.encode(self.figure.aim.text, forKey: .aim)
        try container.encode(self.isMet, forKey: .met)
        try container.encodeIfPresent(self.failing, forKey: .failing)
        try container.encode(self.notes, forKey: .notes)
    }
}
