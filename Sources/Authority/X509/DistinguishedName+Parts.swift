import SwiftASN1
import X509

extension DistinguishedName {
    private static let serialNumberType: ASN1ObjectIdentifier = [2, 5, 4, 5]

    /// A name of the parts that are given, in the order in which SPIRE writes them.
    ///
    /// Each is a PrintableString where its characters allow, else a UTF8String.
    init(country: String?, organization: String?, commonName: String? = nil, serialNumber: String? = nil) {
        let parts: [(ASN1ObjectIdentifier, String?)] = [
            (.RDNAttributeType.countryName, country), (.RDNAttributeType.organizationName, organization),
            (.RDNAttributeType.commonName, commonName), (Self.serialNumberType, serialNumber),
        ]
        self.init(
            parts.compactMap { type, value in
                value.map { RelativeDistinguishedName(.init(type: type, value: .init(shortest: $0))) }
            })
    }
}

extension RelativeDistinguishedName.Attribute.Value {
    fileprivate init(shortest text: String) {
        if let printable = try? Self(printableString: text) {
            self = printable
        } else {
            self.init(utf8String: text)
        }
    }
}
