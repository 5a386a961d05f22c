import Glibc

extension Settings {
    /// Reads an IP address; names are refused, since the address of a name may change.
    func ipAddress(_ key: String, default address: String) throws(ConfigurationError) -> String {
        let value = self.text(key, default: address)
        guard Self.isIPAddress(value) else {
            throw .invalid(
                key: self.name(of: key), value: value, expected: "an IP address, as 127.0.0.1, 0.0.0.0 or ::1")
        }
        return value
    }

    static func isIPAddress(_ text: String) -> Bool {
        var address = in6_addr()
        return [AF_INET, AF_INET6].contains { unsafe inet_pton($0, text, &address) == 1 }
    }
}
