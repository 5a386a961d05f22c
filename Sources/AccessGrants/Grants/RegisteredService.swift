package import FoundationEssentials
package import Registration
import SPIFFE

/// A service that can be called with access tokens.
package struct RegisteredService: Hashable, Sendable {
    /// The most owners of one service.
    package static let maxOwners = 16
    /// The longest name of an owner, in bytes of UTF-8.
    package static let maxOwnerBytes = 128
    /// The longest description or reason, in bytes of UTF-8.
    package static let maxTextBytes = 1_024

    package let name: ServiceName
    /// The workloads that are the service.
    package let members: SPIFFEIDPattern
    /// The one `aud` of the service's tokens.
    package let audience: AudienceURI
    /// Who answers for the service, the one whose policy file describes it first.
    package let owners: [String]
    package let summary: String
    package let binding: BindingRule
    package let createdBy: Actor
    /// Whole seconds.
    package let createdAt: Date

    /// Checks the parts that are text.
    ///
    /// - Parameter audience: By default the SPIFFE ID of the members, or their prefix without its `/*`.
    package init(
        name: ServiceName, members: SPIFFEIDPattern, audience: AudienceURI? = nil, owners: [String],
        summary: String = "", binding: BindingRule = .identity, createdBy: Actor, createdAt: Date
    ) throws(AccessRuleError) {
        guard !owners.isEmpty else { throw .ownerMissing }
        guard owners.count <= Self.maxOwners else { throw .tooManyOwners(owners.count) }
        for owner in owners {
            guard (1...Self.maxOwnerBytes).contains(owner.utf8.count), Self.isPrintable(owner) else {
                throw .invalidOwner
            }
        }
        guard Self.isText(summary) else { throw .invalidText }
        self.name = name
        self.members = members
        if let audience {
            self.audience = audience
        } else {
            self.audience = try AudienceURI(parsing: members.root.uri)
        }
        self.owners = owners
        self.summary = summary
        self.binding = binding
        self.createdBy = createdBy
        self.createdAt = createdAt.wholeSeconds
    }

    /// The owner whose policy file describes the service.
    package var firstOwner: String { self.owners.first ?? "" }

    /// Whether this says the same as another, no matter who wrote it when.
    package func hasContent(of other: RegisteredService) -> Bool {
        self.name == other.name && self.members == other.members && self.audience == other.audience
            && self.owners == other.owners && self.summary == other.summary && self.binding == other.binding
    }

    package static func isText(_ text: String) -> Bool {
        text.utf8.count <= Self.maxTextBytes && Self.isPrintable(text)
    }

    private static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
    }
}
