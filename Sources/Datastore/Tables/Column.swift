import Registration
import SPIFFE

/// Reads texts of columns into the types they were written from.
enum Column {
    static func spiffeID(_ text: String) throws(StoreFailure) -> SPIFFEID {
        do {
            return try SPIFFEID(parsing: text)
        } catch {
            throw .damaged("a row holds an invalid SPIFFE ID: \(error)")
        }
    }

    static func selectors(_ text: String) throws(StoreFailure) -> [Selector] {
        var selectors: [Selector] = []
        for item in try TextList.decode(text) {
            do {
                selectors.append(try Selector(parsing: item))
            } catch {
                throw .damaged("a row holds an invalid selector: \(error)")
            }
        }
        return selectors
    }

    static func trustDomains(_ text: String) throws(StoreFailure) -> [TrustDomain] {
        var trustDomains: [TrustDomain] = []
        for item in try TextList.decode(text) {
            do {
                trustDomains.append(try TrustDomain(parsing: item))
            } catch {
                throw .damaged("a row holds an invalid trust domain: \(error)")
            }
        }
        return trustDomains
    }
}
