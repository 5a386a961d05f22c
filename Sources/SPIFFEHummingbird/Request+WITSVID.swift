import HTTPTypes
public import Hummingbird
public import SPIFFE

extension Request {
    /// The WIT-SVID that the request brought, and its proof; nil when it brought none.
    ///
    /// ```swift
    /// let caller = try request.witPresentation?.validate(
    ///     target: "https://reports.example.org" + request.uri.path, bundles: try source.bundles(), now: Date())
    /// ```
    ///
    /// What stands in `Authorization` is no WIT-SVID, whatever it is (WIT-SVID §5).
    public var witPresentation: UnverifiedWITPresentation? {
        UnverifiedWITPresentation(
            identityTokens: self.values(WITPresentation.identityTokenField),
            proofTokens: self.values(WITPresentation.proofTokenField),
            authorization: self.headers[values: .authorization],
            transactionTokens: self.values(WITPresentation.transactionTokenField))
    }

    private func values(_ name: String) -> [String] {
        HTTPField.Name(name).map { self.headers[values: $0] } ?? []
    }
}
