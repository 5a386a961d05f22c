import Authority
import KeyManagement
import SPIFFE
import Testing

@Suite("Configuration of the authorities", .timeLimit(.minutes(1)))
struct AuthorityConfigurationTests {
    private func configuration(caTTL: Duration) throws -> AuthorityConfiguration {
        try AuthorityConfiguration(trustDomain: TrustDomain(parsing: "example.org"), caTTL: caTTL)
    }

    @Test("the defaults are SPIRE's")
    func defaults() throws {
        let configuration = try AuthorityConfiguration(trustDomain: TrustDomain(parsing: "example.org"))
        #expect(configuration.caKeyType == .ecP256)
        #expect(configuration.jwtKeyType == .ecP256)
        #expect(configuration.caTTL == .seconds(86_400))
        #expect(configuration.caSubject.country == "US")
        #expect(configuration.caSubject.organization == "SPIFFE")
        #expect(configuration.caSubject.commonName == nil)
        #expect(configuration.jwtIssuer == nil)
        #expect(configuration.refreshHint == .seconds(300))
    }

    @Test("JWT keys are of the X.509 authorities' kind unless said otherwise")
    func jwtKeyType() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        #expect(try AuthorityConfiguration(trustDomain: trustDomain, caKeyType: .rsa4096).jwtKeyType == .rsa4096)
        #expect(
            try AuthorityConfiguration(trustDomain: trustDomain, caKeyType: .rsa4096, jwtKeyType: .ecP384).jwtKeyType
                == .ecP384)
    }

    @Test("a default lifetime up to a sixth of the authorities' is accepted")
    func guaranteed() throws {
        let configuration = try self.configuration(caTTL: .hours(24))
        #expect(configuration.guaranteedTTL == .hours(4))
        try configuration.check(defaultTTL: .hours(4))
    }

    @Test("a longer default lifetime is refused with both numbers and the fix")
    func notGuaranteed() throws {
        let configuration = try self.configuration(caTTL: .hours(24))
        let error = AuthorityConfigurationError.ttlNotGuaranteed(
            defaultTTL: .hours(5), guaranteed: .hours(4), sufficientCATTL: .hours(30))
        #expect(throws: error) { try configuration.check(defaultTTL: .hours(5)) }
        #expect(throws: AuthorityConfigurationError.self) {
            try configuration.check(defaultTTL: .hours(4) + .seconds(1))
        }
        #expect(
            error.description
                == "the default lifetime of SVIDs is 5h, but the authorities guarantee only 4h: lower it to that, "
                + "or raise the authorities' lifetime to at least 30h")
    }

    @Test("with the lifetime that the error asks for, the default is accepted")
    func fixed() throws {
        try self.configuration(caTTL: .hours(30)).check(defaultTTL: .hours(5))
    }

    @Test("no lifetime of authorities guarantees more than 7 days")
    func longest() throws {
        let configuration = try self.configuration(caTTL: .days(3_650))
        try configuration.check(defaultTTL: .days(7))
        #expect(
            throws: AuthorityConfigurationError.ttlNotGuaranteed(
                defaultTTL: .days(8), guaranteed: .days(7), sufficientCATTL: nil)
        ) { try configuration.check(defaultTTL: .days(8)) }
    }

    @Test("a default lifetime of nothing is refused", arguments: [Duration.zero, .seconds(-1)])
    func noLifetime(ttl: Duration) throws {
        let configuration = try self.configuration(caTTL: .hours(24))
        #expect(throws: AuthorityConfigurationError.invalidDefaultTTL(ttl)) { try configuration.check(defaultTTL: ttl) }
    }

    @Test(
        "a lifetime of authorities out of range or with a fraction of a second is refused",
        arguments: [Duration.zero, .seconds(5), .milliseconds(86_400_500), .days(36_526), .seconds(-60)])
    func invalidCATTL(ttl: Duration) {
        #expect(throws: AuthorityConfigurationError.invalidCATTL(ttl)) { try self.configuration(caTTL: ttl) }
    }

    @Test("SID-36: a trust domain name with an empty label is refused", arguments: ["a..b", ".a", "a."])
    func emptyLabel(name: String) throws {
        let trustDomain = try TrustDomain(parsing: name)
        #expect(throws: AuthorityConfigurationError.emptyLabel(trustDomain)) {
            try AuthorityConfiguration(trustDomain: trustDomain)
        }
    }

    @Test("a refresh hint with a fraction of a second or below zero is refused")
    func refreshHint() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        for hint in [Duration.milliseconds(500), .seconds(-1), .seconds(2_147_483_648)] {
            #expect(throws: AuthorityConfigurationError.invalidRefreshHint(hint)) {
                try AuthorityConfiguration(trustDomain: trustDomain, refreshHint: hint)
            }
        }
    }

    @Test("an empty or endless JWT issuer is refused")
    func issuer() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        for issuer in ["", String(repeating: "a", count: 2_049)] {
            #expect(throws: AuthorityConfigurationError.invalidJWTIssuer) {
                try AuthorityConfiguration(trustDomain: trustDomain, jwtIssuer: issuer)
            }
        }
    }

    @Test("a subject with a country that is not two letters, or an endless name, is refused")
    func subject() throws {
        for country in ["", "U", "USA", "U1", "Ä"] {
            #expect(throws: AuthorityConfigurationError.invalidSubject(part: "country")) {
                try AuthoritySubject(country: country, organization: nil, commonName: nil)
            }
        }
        let long = String(repeating: "a", count: 65)
        #expect(throws: AuthorityConfigurationError.invalidSubject(part: "organization")) {
            try AuthoritySubject(country: nil, organization: long, commonName: nil)
        }
        #expect(throws: AuthorityConfigurationError.invalidSubject(part: "common name")) {
            try AuthoritySubject(country: nil, organization: nil, commonName: "")
        }
    }
}
