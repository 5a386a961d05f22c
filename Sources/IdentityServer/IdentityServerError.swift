package import Authority

/// Why a control plane did not start.
package enum IdentityServerError: Error, Hashable {
    /// A default lifetime, by its setting's name in the configuration, is not one the authorities can always grant.
    case lifetimeRefused(setting: String, AuthorityConfigurationError)
    /// The server ended before it listened.
    case stopped
}

extension IdentityServerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .lifetimeRefused(let setting, let error): "\(setting): \(error)"
        case .stopped: "the server ended before it listened"
        }
    }
}
