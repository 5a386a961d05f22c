import X509

extension Certificate.SerialNumber {
    /// A positive number of 128 random bits; never zero.
    static func random128() -> Self {
        var generator = SystemRandomNumberGenerator()
        while true {
            let words = [generator.next(), generator.next()]
            let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } }
            guard bytes.contains(where: { $0 != 0 }) else { continue }
            return Self(bytes: bytes)
        }
    }
}
