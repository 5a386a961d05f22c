/// A JSON object: members with distinct names, in the order in which they were written.
///
/// Names are distinct when their code points are. Two objects are equal when they have the same members in the same
/// order.
public struct JSONObject: Sendable, ExpressibleByDictionaryLiteral {
    /// Objects with more members than this are looked up by hash.
    private static let linearSearchLimit = 16

    private var names: [MemberName] = []
    private var values: [JSONValue] = []
    private var positions: [MemberName: Int] = [:]

    /// Creates an object without members.
    public init() {}

    /// Creates an object; a name given twice is the programmer's error.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements)
    }

    init(_ elements: [(String, JSONValue)]) {
        for (name, value) in elements {
            let isNew = self.append(name: name, value: value)
            precondition(isNew, "a member is written twice")
        }
    }

    /// The members in order.
    public var members: [(name: String, value: JSONValue)] {
        zip(self.names, self.values).map { (name: $0.text, value: $1) }
    }

    public var count: Int { self.names.count }

    /// The value of a member; setting replaces in place, adds at the end, or removes when set to nil.
    public subscript(name: String) -> JSONValue? {
        get { self.position(of: MemberName(text: name)).map { self.values[$0] } }
        set {
            let position = self.position(of: MemberName(text: name))
            switch (position, newValue) {
            case (let position?, let value?): self.values[position] = value
            case (nil, let value?): _ = self.append(name: name, value: value)
            case (let position?, nil): self.remove(at: position)
            case (nil, nil): break
            }
        }
    }

    /// Adds a member, unless there is one of that name.
    mutating func append(name: String, value: JSONValue) -> Bool {
        let name = MemberName(text: name)
        guard self.position(of: name) == nil else { return false }
        self.names.append(name)
        self.values.append(value)
        if !self.positions.isEmpty {
            self.positions[name] = self.names.count - 1
        } else if self.names.count > Self.linearSearchLimit {
            self.index()
        }
        return true
    }

    private mutating func remove(at position: Int) {
        self.names.remove(at: position)
        self.values.remove(at: position)
        self.positions = [:]
        if self.names.count > Self.linearSearchLimit { self.index() }
    }

    private mutating func index() {
        for (position, name) in self.names.enumerated() { self.positions[name] = position }
    }

    private func position(of name: MemberName) -> Int? {
        self.positions.isEmpty ? self.names.firstIndex(of: name) : self.positions[name]
    }
}

extension JSONObject: Hashable {
    public static func == (lhs: JSONObject, rhs: JSONObject) -> Bool {
        lhs.names == rhs.names && lhs.values == rhs.values
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.names)
        hasher.combine(self.values)
    }
}

/// A name whose equality is that of its code points; `String` compares by canonical equivalence.
private struct MemberName: Hashable, Sendable {
    let text: String

    static func == (lhs: MemberName, rhs: MemberName) -> Bool {
        lhs.text.utf8.elementsEqual(rhs.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        for byte in self.text.utf8 { hasher.combine(byte) }
        hasher.combine(UInt8(0xFF))
    }
}
