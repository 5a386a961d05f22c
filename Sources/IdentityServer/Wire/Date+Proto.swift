import FoundationEssentials

extension Date {
    /// Whole seconds since the epoch, as the wire has instants; what does not fit is the nearest that does.
    var secondsSinceEpoch: Int64 {
        Int64(exactly: self.timeIntervalSince1970.rounded(.down)) ?? (self.timeIntervalSince1970 > 0 ? .max : .min)
    }
}

extension Duration {
    /// Whole seconds, as the wire has lifetimes; what does not fit is the nearest that does.
    var wireSeconds: Int32 {
        Int32(clamping: self.components.seconds)
    }
}
