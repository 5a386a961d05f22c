import FoundationEssentials
import IdentityServer
import Testing

@Suite("forms of OAuth endpoints (RFC 6749 §3.2, appendix B)")
struct FormParametersTests {
    private func parse(_ text: String) throws(FormError) -> FormParameters {
        try FormParameters(parsing: Array(text.utf8))
    }

    @Test("values are decoded: plus is a space, and bytes after a percent sign are UTF-8")
    func decoded() throws {
        let form = try self.parse("scope=a+b%20c&name=%C3%A9%2B&plain=spiffe://x/*&=nothing&&")
        #expect(form["scope"] == "a b c")
        #expect(form["name"] == "é+")
        #expect(form["plain"] == "spiffe://x/*")
        #expect(form["other"] == nil)
    }

    @Test("a parameter without a value is one that is not there (§3.2)", arguments: ["scope=", "scope", ""])
    func empty(text: String) throws {
        #expect(try self.parse(text)["scope"] == nil)
    }

    @Test(
        "no parameter comes twice, whatever its values and spelling (§3.2)",
        arguments: ["scope=a&scope=b", "scope=a&scope=a", "scope=&scope=a", "scope=a&s%63ope=b", "x=1&x=2"])
    func repeated(text: String) {
        #expect(throws: FormError.repeated) { try self.parse(text) }
    }

    @Test("resource and audience may come more than once (RFC 8707 §2)")
    func targets() throws {
        #expect(try self.parse("resource=a&resource=b&resource=").all("resource") == ["a", "b"])
        #expect(try self.parse("audience=a&audience=b").all("audience") == ["a", "b"])
    }

    @Test(
        "what is not form-urlencoded UTF-8 is refused",
        arguments: ["a=%", "a=%4", "a=%4g", "a=%FF", "%C3=a", "a=%C3%28"])
    func malformed(text: String) {
        #expect(throws: FormError.malformed) { try self.parse(text) }
    }

    @Test("there are at most so many bytes and parameters")
    func bounds() throws {
        _ = try self.parse("a=" + String(repeating: "x", count: FormParameters.maxBytes - 2))
        #expect(throws: FormError.tooLong) {
            try self.parse("a=" + String(repeating: "x", count: FormParameters.maxBytes - 1))
        }
        let most = (1...FormParameters.maxParameters).map { "p\($0)=1" }.joined(separator: "&")
        _ = try self.parse(most)
        #expect(throws: FormError.tooMany) { try self.parse(most + "&q=1") }
    }

    @Test("a form never describes itself: it may hold a token")
    func redacted() throws {
        let form = try self.parse("token=secret")
        #expect("\(form)" == "<redacted>")
        #expect(!String(reflecting: form).contains("secret"))
    }

    @Test("the content type is the form's, in UTF-8")
    func contentType() {
        for right in [
            "application/x-www-form-urlencoded", "APPLICATION/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=UTF-8", "application/x-www-form-urlencoded;charset=\"utf-8\"",
            " application/x-www-form-urlencoded\t; charset = utf-8 ",
        ] { #expect(FormContentType.isForm([right]), "\(right)") }
        for wrong in [
            "application/json", "multipart/form-data", "application/x-www-form-urlencoded; charset=latin1",
            "application/x-www-form-urlencoded;", "text/plain", "", ";", "application / x-www-form-urlencoded",
            "\"application/x-www-form-urlencoded\"", "application/x-www-form-urlencoded; char set=utf-8",
            "application/x-www-form-urlencoded; charset=ut f-8", "application/x-www-form-urlencoded; charset=\"utf-8",
            "application/x-www-form-urlencoded; charset=utf-8=",
        ] { #expect(!FormContentType.isForm([wrong]), "\(wrong)") }
        #expect(!FormContentType.isForm([]))
        #expect(!FormContentType.isForm([FormContentType.mediaType, FormContentType.mediaType]))
    }

    @Test("an error text has only the characters of RFC 6749 §5.2")
    func errorText() {
        #expect(OAuthError(.invalidRequest, "x", "a\"b\\c\nd\u{7F}é").text == "a'b?c?d???")
    }

    @Test("moments are written as HTTP has them (RFC 9110 §5.6.7)")
    func date() {
        #expect(HTTPDate.text(Date(timeIntervalSince1970: 784_111_777)) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(Date(timeIntervalSince1970: 1_800_000_000.9)) == "Fri, 15 Jan 2027 08:00:00 GMT")
    }
}
