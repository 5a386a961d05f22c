extension RandomNumberGenerator {
    /// A number from 0 to below 1, each equally likely: the part of something that is left to chance.
    package mutating func fraction() -> Double {
        // As many bits as a Double has for them.
        Double(self.next() >> 11) * 0x1p-53
    }
}
