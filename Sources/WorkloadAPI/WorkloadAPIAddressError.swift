/// Why an address of the Workload API was refused (SPIFFE Workload Endpoint §4).
@nonexhaustive
public enum WorkloadAPIAddressError: Error, Hashable {
    /// No address was given and `SPIFFE_ENDPOINT_SOCKET` is absent or empty.
    case notConfigured
    /// The address is no URI: it has no scheme.
    case schemeMissing
    /// The scheme is neither `unix` nor `tcp`.
    case schemeUnsupported(String)
    /// A unix URI has an authority, as in `unix://host/path`.
    case unixAuthority
    /// A unix URI has no absolute path of a socket.
    case pathNotAbsolute
    /// The path of a Unix socket has this many bytes and could never be connected to.
    case pathTooLong(Int)
    /// The path of a Unix socket has a broken percent escape, a zero byte or is not UTF-8.
    case pathEncoding
    /// The URI has a query.
    case query
    /// The URI has a fragment.
    case fragment
    /// A tcp URI has no host.
    case hostMissing
    /// The host of a tcp URI is not an IP address; names are not resolved.
    case hostNotIPAddress(String)
    /// A tcp URI has no port.
    case portMissing
    /// The port of a tcp URI is not a number from 1 to 65535.
    case portInvalid(String)
    /// A tcp URI has a path.
    case tcpPath
    /// A tcp URI has user information.
    case userInformation

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .notConfigured: "workload_api_address.not_configured"
        case .schemeMissing: "workload_api_address.scheme_missing"
        case .schemeUnsupported: "workload_api_address.scheme_unsupported"
        case .unixAuthority: "workload_api_address.unix_authority"
        case .pathNotAbsolute: "workload_api_address.path_not_absolute"
        case .pathTooLong: "workload_api_address.path_too_long"
        case .pathEncoding: "workload_api_address.path_encoding"
        case .query: "workload_api_address.query"
        case .fragment: "workload_api_address.fragment"
        case .hostMissing: "workload_api_address.host_missing"
        case .hostNotIPAddress: "workload_api_address.host_not_ip_address"
        case .portMissing: "workload_api_address.port_missing"
        case .portInvalid: "workload_api_address.port_invalid"
        case .tcpPath: "workload_api_address.tcp_path"
        case .userInformation: "workload_api_address.user_information"
        }
    }
}

extension WorkloadAPIAddressError: CustomStringConvertible {
    /// What is wrong, for the person who wrote the address.
    public var description: String {
        switch self {
        case .notConfigured:
            "no Workload API address: set SPIFFE_ENDPOINT_SOCKET, to unix:///path/to/api.sock for example"
        case .schemeMissing: "the Workload API address is no URI: it begins with unix: or tcp:"
        case .schemeUnsupported(let scheme): "the Workload API address has the scheme '\(scheme)': it is unix or tcp"
        case .unixAuthority: "a unix address has no host: write unix:///path/to/api.sock"
        case .pathNotAbsolute: "a unix address has the absolute path of a socket: write unix:///path/to/api.sock"
        case .pathTooLong(let count):
            "the socket's path has \(count) bytes: at most \(WorkloadAPIAddress.maxSocketPathBytes) can be connected to"
        case .pathEncoding: "the socket's path has a broken percent escape or is not UTF-8"
        case .query: "the Workload API address has a query"
        case .fragment: "the Workload API address has a fragment"
        case .hostMissing: "a tcp address has an IP address and a port: write tcp://127.0.0.1:8000"
        case .hostNotIPAddress(let host): "the host of a tcp address is an IP address, not '\(host)'"
        case .portMissing: "a tcp address has a port: write tcp://127.0.0.1:8000"
        case .portInvalid(let port): "the port '\(port)' is not a number from 1 to 65535"
        case .tcpPath: "a tcp address has no path"
        case .userInformation: "a tcp address has no user information"
        }
    }
}
