#!/usr/bin/env python3
"""Makes the test vectors of this folder that are not the public ones, with Python's `cryptography` and openssl.

Run it in this folder: every case below is written anew, with new keys that are forgotten at the end. The public vectors
(case.json says so) are not made here and stay as they are. What a case means is in its case.json; which members it may
have, in Tests/SPIFFETests/Vectors/, Tests/WorkloadAPITests/Vectors/ and Tests/AccessTokensTests/Vectors/.
"""
import base64
import datetime as dt
import hashlib
import hmac
import ipaddress
import json
import pathlib
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

HERE = pathlib.Path(__file__).resolve().parent
UTC = dt.timezone.utc
NOW = "2026-01-01T00:00:00Z"
EARLY, LATE = dt.datetime(2025, 1, 1, tzinfo=UTC), dt.datetime(2100, 1, 1, tzinfo=UTC)
PYTHON, OPENSSL, TEXT = "Python cryptography", "openssl", "written by hand"


def write(standard, case, files, section, rules, expect, comment, source=PYTHON, **members):
    folder = HERE / standard / case
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    meta = {"section": section, "rules": rules.split(), "expect": expect, "comment": comment, "source": source, **members}
    (folder / "case.json").write_text(json.dumps(meta, indent=2, ensure_ascii=False) + "\n")


# --- certificates


def p256():
    return ec.generate_private_key(ec.SECP256R1())


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)] if text else [])


def raw(oid, value, critical=False):
    return x509.UnrecognizedExtension(ObjectIdentifier(oid), value), critical


def key_usage(*bits):
    every = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{bit: bit in bits for bit in every})


def uri(text):
    # Past the check for ASCII that the constructor makes.
    value = x509.UniformResourceIdentifier("")
    value._value = text
    return value


class CA:
    def __init__(self, organisation="example.org", key=None, parent=None, **options):
        self.name, self.key = name(organisation), key or p256()
        options = {"subject": self.name, "ca": True, "usage": ("key_cert_sign", "crl_sign"), "eku": None,
                   "sans": [uri("spiffe://example.org")], **options}
        self.cert = certificate(parent or self, self.key, **options)


def certificate(issuer, key, subject=None, sans=None, ca=False, path_length=None, usage=(
        "digital_signature",), usage_critical=True, eku=("server", "client"), eku_critical=False, before=EARLY,
        after=LATE, extra=(), constraints=None, basic=True, key_ids=True, issuer_name=None, serial=None, pss=False):
    builder = (x509.CertificateBuilder().subject_name(subject or name("")).issuer_name(issuer_name or issuer.name)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(before).not_valid_after(after))
    if serial is not None:
        # Past the check of the length that the builder makes.
        builder._serial_number = serial
    extensions = []
    if basic:
        extensions.append((x509.BasicConstraints(ca, path_length), True))
    if usage is not None:
        extensions.append((key_usage(*usage), usage_critical))
    if eku:
        oids = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
        extensions.append((x509.ExtendedKeyUsage([oids[use] for use in eku]), eku_critical))
    if sans is None:
        sans = [uri("spiffe://example.org/web")]
    if isinstance(sans, bytes):
        extensions.append(raw("2.5.29.17", sans, True))
    elif sans:
        extensions.append((x509.SubjectAlternativeName(sans), not subject))
    if constraints is not None:
        extensions.append((constraints, True))
    if key_ids:
        extensions.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        extensions.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False))
    for extension, critical in [*extensions, *extra]:
        builder = builder.add_extension(extension, critical)
    algorithm = None if isinstance(issuer.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    pss_padding = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size) if pss else None
    return builder.sign(issuer.key, algorithm, rsa_padding=pss_padding)


def der(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.DER) if hasattr(c, "public_bytes") else c for c in certificates)


def peer(case, chain, authorities, section, rules, expect, comment, openssl, source=PYTHON, now=NOW,
         trust_domain="example.org", **members):
    """A chain that a peer shows, and the authorities of example.org."""
    if expect == "accept":
        members = {"id": "spiffe://example.org/web", **members}
    write("x509-svid", case, {"chain.der": chain if isinstance(chain, bytes) else der(*chain),
                              "authorities.der": der(*authorities)},
          section, rules, expect, comment, source, bundles={trust_domain: "authorities.der"}, now=now,
          openssl_verifies=openssl, **members)


def own(case, chain, section, rules, expect, comment, key="none", **members):
    write("x509-svid-own", case, {"chain.der": chain if isinstance(chain, bytes) else der(*chain)}, section, rules, expect,
          comment, key=key, **members)


def context(tag, content, constructed=False):
    assert len(content) < 128
    return bytes([0x80 | (0x20 if constructed else 0) | tag, len(content)]) + content


def sequence(content):
    assert len(content) < 256
    return bytes([0x30]) + (bytes([0x81]) if len(content) > 127 else b"") + bytes([len(content)]) + content


def wrapped(tag, *contents):
    """A DER element of up to 64 KiB."""
    content = b"".join(contents)
    length = bytes([0x82]) + len(content).to_bytes(2, "big") if len(content) > 255 else b"\x81" * (len(content) > 127) + bytes([len(content)])
    return bytes([tag]) + length + content


def parts(cert):
    """What is signed, the algorithm and the signature of a certificate of an EC key."""
    tbs = cert.tbs_certificate_bytes
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    assert algorithm in der(cert)
    return tbs, algorithm, cert.signature


def x509_peers():
    ca = CA()
    leaf = lambda issuer=ca, **options: certificate(issuer, p256(), **options)
    path, leaf_rules, usage_ = "RFC 5280 §6.1", "X509-SVID §5.2", "X509-SVID §4.3"

    peer("no-certificate", b"", [ca.cert], path, "X509-32", "x509_svid.empty_chain", "no certificate at all", False)
    many = [leaf()]
    many += [CA(f"ca {index}").cert for index in range(10)]
    peer("eleven-certificates", many, [ca.cert], path, "X509-32", "x509_svid.chain_too_long",
         "the leaf would be accepted without the ten others", True)
    peer("no-uri-name", [leaf(sans=[x509.DNSName("web.example.org")])], [ca.cert], "X509-SVID §2", "X509-01",
         "x509_svid.no_uri_name", "a DNS name only", True)
    peer("no-san", [leaf(sans=[], subject=name("web"))], [ca.cert], "X509-SVID §2", "X509-01", "x509_svid.no_uri_name",
         "no SAN extension", True)
    peer("same-uri-twice", [leaf(sans=[uri("spiffe://example.org/web")] * 2)], [ca.cert], "X509-SVID §2", "X509-02",
         "x509_svid.several_uri_names", "two URI names that are equal", True)
    peer("spiffe-and-https", [leaf(sans=[uri("https://example.org/"), uri("spiffe://example.org/web")])], [ca.cert],
         "X509-SVID §2", "X509-02", "x509_svid.several_uri_names", "one of the two is no SPIFFE ID", True)
    peer("other-names", [leaf(sans=[uri("spiffe://example.org/web"), x509.DNSName("a.example.org"),
                                    x509.DNSName("b.example.org"), x509.DNSName("c"),
                                    x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
                                    x509.RFC822Name("web@example.org")])], [ca.cert],
         "X509-SVID §2", "X509-03", "accept", "three DNS names, an address and an e-mail address beside the ID", True)
    peer("scheme-sparfe", [leaf(sans=[uri("sparfe://example.org/web")])], [ca.cert], leaf_rules, "X509-36",
         "x509_svid.invalid_spiffe_id/spiffe_id.wrong_scheme", "another scheme", True)
    peer("scheme-https", [leaf(sans=[uri("https://example.org/web")])], [ca.cert], leaf_rules, "X509-36",
         "x509_svid.invalid_spiffe_id/spiffe_id.wrong_scheme", "another scheme", True)
    utf8 = "spiffe://ex\u00e4mple.org/web".encode()
    peer("uri-not-ascii", [leaf(sans=sequence(context(6, utf8)))], [ca.cert], "SPIFFE-ID §2.1", "SID-35 SID-34",
         "x509_svid.invalid_spiffe_id/spiffe_id.trust_domain_byte", "UTF-8 where IA5 belongs", True)
    peer("uri-with-nul", [leaf(sans=sequence(context(6, b"spiffe://example.org/web\0")))], [ca.cert],
         "SPIFFE-ID §2.2", "SID-35 SID-34", "x509_svid.invalid_spiffe_id/spiffe_id.path_byte", "a NUL at the end", True)
    peer("uri-is-constructed", [leaf(sans=sequence(context(6, b"\x16\x01a", True)))], [ca.cert], "RFC 5280 §4.2.1.6",
         "SID-34", "x509_svid.malformed_extension", "a URI name that is no string; OpenSSL does not look", True)
    peer("key-usage-is-no-bit-string", [leaf(usage=None, extra=[raw("2.5.29.15", b"\x02\x01\x01", True)])], [ca.cert],
         "RFC 5280 §4.2.1.3", "X509-32", "x509_svid.malformed_extension", "an INTEGER as key usage", False)
    peer("ca-with-path", [certificate(ca, p256(), ca=True, usage=("key_cert_sign",))], [ca.cert], leaf_rules, "X509-33",
         "x509_svid.leaf_is_ca", "a CA certificate with the ID of a workload", True)

    peer("key-usage-of-spire", [leaf(usage=("digital_signature", "key_encipherment", "key_agreement"))], [ca.cert], usage_,
         "X509-25", "accept", "03 02 03 A8, as SPIRE issues", True)
    peer("only-key-encipherment", [leaf(usage=("key_encipherment",))], [ca.cert], usage_, "X509-24", "accept",
         "without digitalSignature: lenient towards peers, §5.2 does not ask", True)
    peer("extended-key-usage-critical", [leaf(eku_critical=True)], [ca.cert], "X509-SVID §4.4", "X509-29", "accept",
         "a critical extended key usage", True)
    peer("extended-key-usage-one-sided", [leaf(eku=("server",))], [ca.cert], "X509-SVID §4.4", "X509-30", "accept",
         "serverAuth only: lenient towards peers", True)
    peer("no-basic-constraints", [leaf(basic=False)], [ca.cert], "X509-SVID §4.1", "X509-50", "accept",
         "a leaf without basic constraints is a leaf", True)
    peer("subject-not-empty", [leaf(subject=name("web"))], [ca.cert], "X509-SVID §3.1", "X509-06", "accept",
         "a subject, and a SAN that is not critical", True)
    peer("unknown-extension", [leaf(extra=[raw("1.3.6.1.4.1.99999.1", b"\x05\x00")])], [ca.cert], "SPIFFE-ID §3",
         "SID-29", "accept", "an extension nobody knows that is not critical", True)
    peer("unknown-critical-extension", [leaf(extra=[raw("1.3.6.1.4.1.99999.1", b"\x05\x00", True)])], [ca.cert], path,
         "X509-32", "x509_svid.unknown_critical_extension", "an extension nobody knows that is critical", False)

    peer("expired", [leaf(after=dt.datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC))], [ca.cert], path, "X509-32",
         "x509_svid.expired", "over for one second", False)
    peer("last-second", [leaf(after=dt.datetime(2026, 1, 1, tzinfo=UTC))], [ca.cert], path, "X509-32", "accept",
         "the end belongs to the validity period (RFC 5280 §4.1.2.5); OpenSSL ends a moment earlier", False)
    peer("not-yet-valid", [leaf(before=dt.datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC))], [ca.cert], path, "X509-32",
         "x509_svid.not_yet_valid", "in one second", False)
    old = CA(after=dt.datetime(2025, 6, 1, tzinfo=UTC))
    peer("authority-expired", [leaf(old)], [old.cert], path, "X509-32", "x509_svid.expired",
         "the authority's own period counts, as in Go and OpenSSL", False)

    peer("serial-number-20-bytes", [leaf(serial=2**160 - 1)], [ca.cert], "RFC 5280 §4.1.2.2", "X509-32", "accept",
         "the longest serial number; a zero byte before it says that it is positive", True)
    peer("serial-number-21-bytes", [leaf(serial=2**160)], [ca.cert], "RFC 5280 §4.1.2.2", "X509-32",
         "x509_svid.serial_number_too_long", "one byte more", True)

    good = leaf()
    signed, algorithm, _ = parts(good)
    other_algorithm = algorithm[:-1] + b"\x03"
    contradictory = signed.replace(algorithm, other_algorithm, 1)
    signature_ = ca.key.sign(contradictory, ec.ECDSA(hashes.SHA256()))
    peer("signature-algorithms-differ", wrapped(0x30, contradictory, algorithm, wrapped(0x03, b"\0", signature_)), [ca.cert],
         "RFC 5280 §4.1.1.2", "X509-32", "x509_svid.malformed_certificate",
         "SHA-384 in what is signed, and SHA-256 beside the signature, which is valid", False)
    even = good
    while even.signature[-1] & 1:
        even = leaf()
    signed, algorithm, signature_ = parts(even)
    peer("signature-unused-bits", wrapped(0x30, signed, algorithm, wrapped(0x03, b"\1", signature_)), [ca.cert],
         "RFC 5280 §4.1.1.3", "X509-32", "x509_svid.malformed_certificate",
         "a signature whose last bit is said to be unused; nothing that is signed says otherwise", False)
    flipped = bytearray(der(good))
    position = flipped.index(b"spiffe://example.org/web") + len("spiffe://example.org/")
    flipped[position] ^= 1
    peer("san-bit-flipped", bytes(flipped), [ca.cert], "SPIFFE-ID §3", "SID-28", "x509_svid.invalid_signature",
         "the ID is inside of what is signed", False)
    twin = CA()
    peer("other-key-same-name", [good], [twin.cert], path, "X509-32 X509-52", "x509_svid.invalid_signature",
         "an authority of the right name and another key", False)
    peer("same-subject-old-and-new", [good], [twin.cert, ca.cert], "X509-SVID §6.2", "X509-51", "accept",
         "two authorities of one name: the second signed", True)
    anonymous = CA(key_ids=False)
    peer("same-subject-without-key-ids", [leaf(anonymous, key_ids=False)], [twin.cert, anonymous.cert], "X509-SVID §6.2",
         "X509-51", "accept", "two authorities of one name and no key identifiers to choose by; OpenSSL tries only the first", False)
    other = CA("other")
    peer("other-issuer", [good], [other.cert], path, "X509-32", "x509_svid.no_trusted_issuer",
         "no authority of the issuer's name", False)
    peer("issuer-is-not-subject", [leaf(issuer_name=name("other"))], [ca.cert], path, "X509-32",
         "x509_svid.no_trusted_issuer", "signed by the authority, but with another issuer's name", False)
    peer("own-root-sent-along", [leaf(other), other.cert], [ca.cert], path, "X509-52", "x509_svid.no_trusted_issuer",
         "the peer brings its own self-signed root", False)
    peer("root-sent-along", [good, ca.cert], [ca.cert], path, "X509-52", "accept",
         "the peer sends the authority along, which the bundle has anyway", True)
    peer("no-authorities", [good], [], "X509-SVID §6.2", "X509-47 BUN-16", "x509_svid.no_x509_authorities",
         "a bundle without X.509 authorities", False)
    crowd = [CA(key_ids=False).cert for _ in range(65)]
    peer("many-authorities-of-one-name", [leaf(anonymous, key_ids=False)], crowd, path, "X509-32",
         "x509_svid.too_many_signature_checks", "65 authorities of the issuer's name, none of which signed", False)

    first = CA("first", parent=ca)
    second = CA("second", parent=first)
    peer("two-intermediates", [leaf(second), second.cert, first.cert], [ca.cert], "X509-SVID §3.2", "X509-12 X509-14",
         "accept", "root, two intermediates, leaf", True)
    peer("two-intermediates-unordered", [leaf(second), first.cert, second.cert], [ca.cert], "X509-SVID §3.2", "X509-14",
         "accept", "the order above the leaf does not matter", True)
    peer("intermediate-missing", [leaf(second), second.cert], [ca.cert], "X509-SVID §3.2", "X509-14",
         "x509_svid.no_trusted_issuer", "the middle one is missing", False)
    peer("useless-certificate", [good, other.cert], [ca.cert], "X509-SVID §3.2", "X509-14", "accept",
         "a certificate that is not on the path is not judged", True)
    peer("intermediate-as-authority", [leaf(first)], [first.cert], "X509-SVID §6.1", "X509-43", "accept",
         "an authority that is not self-signed", None)
    no_ca = CA("first", parent=ca, ca=False)
    peer("intermediate-not-ca", [leaf(no_ca), no_ca.cert], [ca.cert], path, "X509-16 X509-32",
         "x509_svid.issuer_is_not_ca", "cA is false", False)
    no_basic = CA("first", parent=ca, basic=False)
    peer("intermediate-without-basic-constraints", [leaf(no_basic), no_basic.cert], [ca.cert], path, "X509-08 X509-32",
         "x509_svid.issuer_is_not_ca", "no basic constraints", False)
    no_sign = CA("first", parent=ca, usage=("digital_signature", "crl_sign"))
    peer("intermediate-without-cert-sign", [leaf(no_sign), no_sign.cert], [ca.cert], path, "X509-22 X509-32",
         "x509_svid.issuer_may_not_sign", "key usage without keyCertSign", False)
    late = CA("first", parent=ca, after=dt.datetime(2025, 6, 1, tzinfo=UTC))
    peer("intermediate-expired", [leaf(late), late.cert], [ca.cert], path, "X509-32", "x509_svid.expired",
         "the leaf outlives its issuer", False)
    again = CA("first", key=late.key, parent=ca)
    peer("intermediate-expired-and-renewed", [leaf(late), late.cert, again.cert], [ca.cert], path, "X509-32", "accept",
         "the same name and key in two certificates, one of them expired", None)
    odd = CA("first", parent=ca, extra=[raw("1.3.6.1.4.1.99999.1", b"\x05\x00", True)])
    peer("intermediate-with-unknown-critical-extension", [leaf(odd), odd.cert], [ca.cert], path, "X509-32",
         "x509_svid.unknown_critical_extension", "every certificate of the path is asked", False)

    narrow = CA(path_length=0)
    peer("path-length-zero-direct", [leaf(narrow)], [narrow.cert], "X509-SVID §4.1", "X509-15", "accept",
         "30 06 01 01 FF 02 01 00 and no intermediate", True)
    below = CA("first", parent=narrow)
    peer("path-length-zero-exceeded", [leaf(below), below.cert], [narrow.cert], "X509-SVID §4.1", "X509-15",
         "x509_svid.path_length_exceeded", "30 06 01 01 FF 02 01 00 and an intermediate", False)
    renewed = CA("example.org", parent=narrow)
    peer("path-length-self-issued", [leaf(renewed), renewed.cert], [narrow.cert], path, "X509-15", "accept",
         "a certificate whose issuer is its subject does not count", True)

    def constrained(permitted=None, excluded=None):
        return CA(constraints=x509.NameConstraints(permitted, excluded))

    host, domain = constrained([uri("example.org")]), constrained([uri(".example.org")])
    section = "X509-SVID §4.2"
    peer("name-constraint-host", [leaf(host)], [host.cert], section, "X509-18", "accept",
         "30 11 A0 0F 30 0D 86 0B example.org", True)
    foreign = constrained([uri("foreign.test")])
    peer("name-constraint-other-host", [leaf(foreign)], [foreign.cert], section, "X509-18",
         "x509_svid.name_not_permitted", "the authority may only speak for foreign.test", False)
    peer("name-constraint-domain", [leaf(domain, sans=[uri("spiffe://a.example.org/web")])], [domain.cert], section,
         "X509-18", "accept", "a leading dot covers what is below", True, id="spiffe://a.example.org/web",
         trust_domain="a.example.org")
    peer("name-constraint-domain-itself", [leaf(domain)], [domain.cert], section, "X509-18",
         "x509_svid.name_not_permitted", "a leading dot does not cover the domain itself", False)
    without = constrained(None, [uri("example.org")])
    peer("name-constraint-excluded", [leaf(without)], [without.cert], section, "X509-18",
         "x509_svid.name_not_permitted", "excluded by name", False)
    middle = CA("first", parent=ca, constraints=x509.NameConstraints([uri("foreign.test")], None))
    peer("name-constraint-of-intermediate", [leaf(middle), middle.cert], [ca.cert], section, "X509-18",
         "x509_svid.name_not_permitted", "an intermediate may constrain as well", False)
    dns = constrained([x509.DNSName("example.org")])
    peer("name-constraint-dns", [leaf(dns, sans=[uri("spiffe://example.org/web"), x509.DNSName("web.example.org")])],
         [dns.cert], section, "X509-18", "x509_svid.unjudged_name_constraint",
         "a constraint on DNS names, and a leaf that has one", True)
    many = [uri(f"{index}.test") for index in range(63)] + [uri("example.org")]
    most = constrained(many)
    peer("name-constraint-64", [leaf(most)], [most.cert], section, "X509-18", "accept", "the most that are judged", True)
    too_many = constrained([uri("64.test"), *many])
    peer("name-constraint-65", [leaf(too_many)], [too_many.cert], section, "X509-18",
         "x509_svid.unjudged_name_constraint", "one more", True)
    names = [uri("spiffe://example.org")] * 65
    chatty = CA("first", parent=host, sans=names)
    peer("name-constraint-65-names", [leaf(chatty), chatty.cert], [host.cert], section, "X509-18",
         "x509_svid.unjudged_name_constraint", "65 URI names of an intermediate below a constraint", True)
    talkative = CA("first", parent=host, sans=names[:64])
    peer("name-constraint-64-names", [leaf(talkative), talkative.cert], [host.cert], section, "X509-18", "accept",
         "the most that are judged", True)
    directory = constrained([x509.DirectoryName(name("web"))])
    peer("name-constraint-directory", [leaf(directory, sans=[uri("spiffe://example.org/web"), x509.DirectoryName(name("web"))])],
         [directory.cert], section, "X509-18", "x509_svid.unjudged_name_constraint",
         "a constraint on directory names, and a leaf that has one beside an empty subject", True)
    peer("name-constraint-directory-subject", [leaf(directory, subject=name("web"))], [directory.cert], section, "X509-18",
         "x509_svid.unjudged_name_constraint", "a constraint on directory names, and a leaf with a subject", True)
    peer("name-constraint-directory-unused", [leaf(directory)], [directory.cert], section, "X509-18", "accept",
         "a constraint on directory names, and a leaf that has none", True)
    mail = constrained([x509.RFC822Name("example.org")])
    subject = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "ca@foreign.test")])
    mailing = CA("first", parent=mail, subject=subject, sans=[])
    mailing.name = subject
    peer("name-constraint-email-subject", [leaf(mailing), mailing.cert], [mail.cert], section, "X509-18",
         "x509_svid.unjudged_name_constraint", "a constraint on e-mail addresses, and one in a subject without SAN", False)
    peer("name-constraint-email-unused", [leaf(mail, subject=name("web"))], [mail.cert], section, "X509-18", "accept",
         "a constraint on e-mail addresses, and a leaf that has none, in its subject neither", True)
    peer("name-constraint-dns-unused", [leaf(dns)], [dns.cert], section, "X509-18", "accept",
         "a constraint on DNS names, and a leaf that has none", True)

    no_san = CA(sans=[])
    peer("authority-without-san", [leaf(no_san)], [no_san.cert], "X509-SVID §3.2", "X509-09", "accept",
         "an imported CA need not be an SVID", True)
    slash = CA(sans=[uri("spiffe://example.org/")])
    peer("authority-with-trailing-slash", [leaf(slash)], [slash.cert], "Trust Domain and Bundle, Appendix A", "X509-10",
         "accept", "names of authorities are not judged; the standard's own example has this one", True)
    signing = CA(usage=("digital_signature", "key_cert_sign"))
    peer("authority-with-digital-signature", [leaf(signing)], [signing.cert], "X509-SVID §4.3", "X509-27", "accept",
         "an imported CA may have digitalSignature", True)
    only = CA(usage=("key_cert_sign",))
    peer("authority-without-crl-sign", [leaf(only)], [only.cert], "X509-SVID §4.3", "X509-23", "accept",
         "03 02 02 04", True)
    with_eku = CA("first", parent=ca, eku=("server", "client"))
    peer("authority-with-extended-key-usage", [leaf(with_eku), with_eku.cert], [ca.cert], "X509-SVID §4.4", "X509-31",
         "accept", "signing certificates may have an extended key usage", True)

    keys = {"p384": ec.generate_private_key(ec.SECP384R1()), "p521": ec.generate_private_key(ec.SECP521R1()),
            "rsa-2048": rsa.generate_private_key(65537, 2048), "ed25519": ed25519.Ed25519PrivateKey.generate()}
    for kind, key in keys.items():
        issuer = CA(key=key)
        peer(f"key-{kind}", [leaf(issuer)], [issuer.cert], path, "X509-32", "accept", f"an authority with {kind}", True)
    issuer = CA(key=keys["rsa-2048"])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "ca.key").write_bytes(issuer.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (folder / "ca.pem").write_bytes(issuer.cert.public_bytes(serialization.Encoding.PEM))
        (folder / "extensions").write_text(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "subjectAltName=critical,URI:spiffe://example.org/web\n")

        def run(*arguments):
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

        run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "leaf.key")
        run("req", "-new", "-key", "leaf.key", "-subj", "/", "-out", "leaf.csr")
        for digest in ["sha1", "sha384"]:
            run("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "20000", "-extfile",
                "extensions", f"-{digest}", "-outform", "DER", "-out", f"{digest}.der", "-set_serial", "77")
        # openssl dates a certificate from the moment it is made.
        soon = (dt.datetime.now(UTC) + dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        peer("signed-with-sha1", (folder / "sha1.der").read_bytes(), [issuer.cert], path, "X509-32",
             "x509_svid.unsupported_signature", "RSA with SHA-1", None, OPENSSL, now=soon)
        peer("made-by-openssl", (folder / "sha384.der").read_bytes(), [issuer.cert], path, "X509-32", "accept",
             "RSA with SHA-384", True, OPENSSL, now=soon)

    write("x509-svid", "no-bundle", {"chain.der": der(good), "authorities.der": der(CA("foreign.test").cert)},
          "Trust Domain and Bundle §3", "BUN-02", "x509_svid.unknown_trust_domain",
          "only the bundle of another trust domain is there", bundles={"foreign.test": "authorities.der"}, now=NOW,
          openssl_verifies=False)


def x509_own():
    ca = CA()
    leaf = lambda issuer=ca, **options: certificate(issuer, p256(), **options)
    section = "X509-SVID §4.3"
    own("empty", b"", "X509-SVID §3", "X509-49", "x509_svid.empty_chain", "no certificate")
    own("garbage", b"\x30\x03\x02\x01\x00", "X509-SVID §3", "X509-49", "x509_svid.malformed_certificate", "DER, but no certificate")
    own("trailing-byte", der(leaf()) + b"\0", "X509-SVID §3", "X509-49", "x509_svid.malformed_certificate",
        "a byte after the leaf")
    own("eleven-certificates", [leaf()] + [ca.cert] * 10, "X509-SVID §3", "X509-49", "x509_svid.chain_too_long",
        "more than a peer would accept")
    own("too-large", [leaf()], "X509-SVID §3", "X509-49", "x509_svid.chain_too_large", "padded with zeros by the test",
        padded_to_bytes=262145)
    unknown = CA(key=ec.generate_private_key(ec.SECP256K1()), parent=ca)
    own("intermediate-of-unknown-key", [leaf(), unknown.cert], "X509-SVID §3", "X509-49", "x509_svid.malformed_certificate",
        "a key on secp256k1: what peers are to be shown must be known")
    own("serial-number-21-bytes", [leaf(serial=2**160)], "RFC 5280 §4.1.2.2", "X509-49", "x509_svid.serial_number_too_long",
        "peers refuse it")
    own("key-usage-not-critical", [leaf(usage_critical=False)], section, "X509-21", "x509_svid.key_usage_not_critical",
        "the key usage is not critical")
    own("no-digital-signature", [leaf(usage=("key_encipherment",))], section, "X509-24",
        "x509_svid.digital_signature_missing", "03 02 05 20")
    no_ca = CA("first", parent=ca, ca=False)
    own("intermediate-not-ca", [leaf(no_ca), no_ca.cert], "X509-SVID §4.1", "X509-16", "x509_svid.issuer_is_not_ca",
        "30 00")
    no_sign = CA("first", parent=ca, usage=("crl_sign",))
    own("intermediate-without-cert-sign", [leaf(no_sign), no_sign.cert], section, "X509-22",
        "x509_svid.issuer_may_not_sign", "key usage without keyCertSign")
    no_usage = CA("first", parent=ca, usage=None)
    own("intermediate-without-key-usage", [leaf(no_usage), no_usage.cert], section, "X509-08 X509-20",
        "x509_svid.issuer_may_not_sign", "no key usage: not a signing certificate")


# --- SPIFFE IDs


def spiffe_ids():
    def case(folder, text, section, rules, expect, comment, kind="id"):
        write("spiffe-id", folder, {"input.txt": text}, section, rules, expect, comment, TEXT, kind=kind)

    ok, base = "accept", "spiffe://example.org"
    case("with-path", f"{base}/ns/prod/sa/web", "§2.2", "SID-17", ok, "several segments")
    case("without-path", base, "§2.2", "SID-15", ok, "the trust domain itself")
    case("all-path-bytes", f"{base}/azAZ09.-_", "§2.2", "SID-16", ok, "every class of bytes")
    case("dots-in-names", f"{base}/.a/..a/.../a.", "§2.2", "SID-14", ok, "dots beside other bytes")
    case("looks-like-an-address", "spiffe://10.1.2.3/a", "§2.1", "SID-11", ok, "no special treatment")
    case("longest", f"{base}/{'a' * 2027}", "§2.3", "SID-18", ok, "2048 bytes")
    case("too-long", f"{base}/{'a' * 2028}", "§2.3", "SID-19", "spiffe_id.too_long", "2049 bytes")
    case("longest-trust-domain", "spiffe://" + "a" * 255, "§2.3", "SID-20", ok, "255 bytes")
    case("trust-domain-too-long", "spiffe://" + "a" * 256, "§2.3", "SID-20", "spiffe_id.trust_domain_too_long", "256 bytes")
    case("empty", "", "§2", "SID-01", "spiffe_id.wrong_scheme", "nothing")
    case("scheme-https", "https://example.org/a", "§2", "SID-01", "spiffe_id.wrong_scheme", "another scheme")
    case("scheme-upper-case", "Spiffe://example.org/a", "§2.4", "SID-21", "spiffe_id.wrong_scheme", "strict, as go-spiffe")
    case("one-slash", "spiffe:/example.org/a", "§2", "SID-01", "spiffe_id.wrong_scheme", "no authority")
    case("no-trust-domain", "spiffe:///a", "§2", "SID-02", "spiffe_id.empty_trust_domain", "an empty authority")
    case("user-info", "spiffe://u:p@example.org/a", "§2.1", "SID-06", "spiffe_id.user_info", "user and password")
    case("port", "spiffe://example.org:8443/a", "§2.1", "SID-07", "spiffe_id.port", "a port")
    case("upper-case-trust-domain", "spiffe://Example.org/a", "§2.1", "SID-08", "spiffe_id.upper_case_trust_domain", "")
    case("address-in-brackets", "spiffe://[::1]/a", "§2.1", "SID-11", "spiffe_id.trust_domain_byte", "IPv6")
    case("trust-domain-not-ascii", "spiffe://ex\u00e4mple.org/a", "§2.1", "SID-35", "spiffe_id.trust_domain_byte", "UTF-8")
    case("not-utf8", b"spiffe://ex\xe4mple.org/a", "§2.1", "SID-09", "spiffe_id.trust_domain_byte", "Latin-1")
    case("query", f"{base}/a?x=1", "§2", "SID-03", "spiffe_id.query", "a query")
    case("fragment", f"{base}/a#", "§2", "SID-04", "spiffe_id.fragment", "an empty fragment")
    case("percent-in-trust-domain", "spiffe://%65xample.org/a", "§2.1", "SID-10", "spiffe_id.percent_encoding", "%65 is e")
    case("percent-in-path", f"{base}/%61", "§2.2", "SID-12", "spiffe_id.percent_encoding", "%61 is a")
    case("empty-segment", f"{base}/a//b", "§2.2", "SID-13", "spiffe_id.empty_segment", "two slashes in a row")
    case("dot-segment", f"{base}/a/../b", "§2.2", "SID-14", "spiffe_id.dot_segment", "two dots")
    case("trailing-slash", f"{base}/a/", "§2.2", "SID-15", "spiffe_id.trailing_slash", "a slash at the end")
    case("lone-slash", f"{base}/", "§2.2", "SID-15", "spiffe_id.trailing_slash", "a slash alone")
    case("space", f"{base}/a ", "§2.2", "SID-35", "spiffe_id.path_byte", "nothing is trimmed")
    case("path-without-slash", "a", "§2.2", "SID-13", "spiffe_id.relative_path", "a path on its own", kind="path")
    case("bare-trust-domain", "example.org", "§2.1", "SID-33", ok, "a bare name", kind="trust-domain")
    case("bare-trust-domain-is-id", base, "§2.1", "BUN-27", "spiffe_id.port", "an ID where a name belongs", kind="trust-domain")


# --- tokens and bundles


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length=None):
    return b64url(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def jwk(key, **members):
    public = key.public_key() if hasattr(key, "private_bytes") else key
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **members}
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw_key = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw_key), **members}
    numbers, size = public.public_numbers(), (public.curve.key_size + 7) // 8
    curve = {256: "P-256", 384: "P-384", 521: "P-521"}[public.curve.key_size]
    return {"kty": "EC", "crv": curve, "x": number(numbers.x, size), "y": number(numbers.y, size), **members}


def x5c(*certificates):
    return [base64.b64encode(der(c)).decode() for c in certificates]


HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def signature(key, algorithm, message):
    digest = HASHES[algorithm[2:]]
    if algorithm.startswith("ES"):
        size = (key.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    pad = padding.PKCS1v15() if algorithm.startswith("RS") else padding.PSS(padding.MGF1(digest), digest.digest_size)
    return key.sign(message, pad, digest)


def text(value):
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


CLAIMS = {"sub": "spiffe://example.org/web", "aud": ["reports"], "exp": 4102444800, "iat": 1735689600}
HEADER = {"alg": "ES256", "kid": "jwt-1", "typ": "JWT"}


def token(key, header=HEADER, claims=CLAIMS, algorithm="ES256"):
    message = f"{b64url(text(header).encode())}.{b64url(text(claims).encode())}"
    return f"{message}.{b64url(signature(key, algorithm, message.encode()))}"


def without(members, *names):
    return {key: value for key, value in members.items() if key not in names}


def jwt_svids():
    key, other, authority = p256(), p256(), CA()
    keys = {"P-384": ec.generate_private_key(ec.SECP384R1()), "P-521": ec.generate_private_key(ec.SECP521R1()),
            "RSA": rsa.generate_private_key(65537, 2048)}
    bundle = {"keys": [jwk(key, use="jwt-svid", kid="jwt-1"), jwk(other, use="jwt-svid", kid="jwt-2")]}

    def case(folder, content, section, rules, expect, comment, bundle=bundle, audience="reports", now=NOW, trust_domain="example.org",
             more=(), **members):
        if expect == "accept":
            members = {"id": "spiffe://example.org/web", **members}
        bundles = {trust_domain: "bundle.json"} | {name_: f"bundle-{name_}.json" for name_, _ in more}
        files = {"token.txt": content, "bundle.json": json.dumps(bundle, indent=1) + "\n"}
        files |= {f"bundle-{name_}.json": json.dumps(value, indent=1) + "\n" for name_, value in more}
        write("jwt-svid", folder, files, section, rules, expect, comment, bundles=bundles, audience=audience, now=now, **members)

    t = lambda **options: token(key, **options)
    refused = "jwt_svid.token/"
    parts = t().split(".")
    case("no-audience-expected", t(), "Appendix A", "JWT-34", "jwt_svid.no_expected_audience", "", audience="")
    case("json-serialization", json.dumps({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]}),
         "§1", "JWT-01", refused + "notCompact", "JWS JSON serialization")
    case("json-flattened", json.dumps({"payload": parts[1], "protected": parts[0], "signature": parts[2]}), "§1", "JWT-01",
         refused + "notCompact", "JWS JSON serialization, flattened")
    case("five-parts", ".".join([parts[0], "a", "a", "a", "a"]), "§2", "JWT-03", refused + "notCompact", "the form of a JWE")
    for algorithm in ["none", "None", "HS256", "EdDSA", "ES256K", "rs256"]:
        case(f"alg-{algorithm}", t(header=HEADER | {"alg": algorithm}), "§2.1", "JWT-05", refused + "unsupportedAlgorithm", "")
    case("alg-missing", t(header=without(HEADER, "alg")), "§2.1", "JWT-05", refused + "missingAlgorithm", "")
    case("alg-before-payload", b64url(text(HEADER | {"alg": "none"}).encode()) + ".%%%.", "§4", "JWT-20",
         refused + "unsupportedAlgorithm", "what is wrong with alg comes first")
    for algorithm in ["ES384", "RS256"]:
        case(f"alg-{algorithm}-with-p256", t(header=HEADER | {"alg": algorithm}), "§4", "JWT-35",
             refused + "algorithmDoesNotMatchKey", "the key of that kid is P-256")
    for curve, algorithm in [("P-384", "ES384"), ("P-521", "ES512"), ("RSA", "RS256"), ("RSA", "RS384"), ("RSA", "RS512"),
                             ("RSA", "PS256"), ("RSA", "PS384"), ("RSA", "PS512")]:
        case(f"alg-{algorithm}", token(keys[curve], HEADER | {"alg": algorithm}, algorithm=algorithm), "§2.1", "JWT-04",
             "accept", "", bundle={"keys": [jwk(keys[curve], use="jwt-svid", kid="jwt-1")]})
    case("no-kid", t(header=without(HEADER, "kid")), "§2.2", "JWT-06", "accept", "the key is in the bundle")
    case("no-kid-and-no-key", token(p256(), header=without(HEADER, "kid")), "§2.2", "JWT-06", "jwt_svid.no_matching_authority", "")
    case("unknown-kid", t(header=HEADER | {"kid": "jwt-9"}), "§2.2", "JWT-36", "jwt_svid.unknown_key_id", "")
    case("key-of-other-kid", t(header=HEADER | {"kid": "jwt-2"}), "§4", "JWT-21", refused + "invalidSignature", "")
    case("no-typ", t(header=without(HEADER, "typ")), "§2.3", "JWT-07", "accept", "")
    case("typ-JOSE", t(header=HEADER | {"typ": "JOSE"}), "§2.3", "JWT-08", "accept", "")
    for value, label in [("jwt", "lower-case"), ("", "empty"), ("wit+jwt", "wit")]:
        case(f"typ-{label}", t(header=HEADER | {"typ": value}), "§2.3", "JWT-08", "jwt_svid.unsupported_type", "")
    case("typ-number", t(header=HEADER | {"typ": 5}), "§2.3", "JWT-08", refused + "headerMemberType", "")
    case("key-in-header", token(p256(), header=HEADER | {"jwk": jwk(p256())}), "§2", "JWT-02", refused + "invalidSignature",
         "a key in the header is never looked at")
    case("crit", t(header=HEADER | {"crit": ["x"], "x": 1}), "§2", "JWT-38", refused + "criticalHeader", "")
    case("crit-b64", t(header=HEADER | {"b64": False, "crit": ["b64"]}), "§2", "JWT-38", refused + "criticalHeader", "")
    case("header-encoding", ".".join(["%%%", *parts[1:]]), "§2", "JWT-21", refused + "headerEncoding", "")
    case("header-not-object", ".".join([b64url(b"[]"), *parts[1:]]), "§2", "JWT-21", refused + "headerNotObject", "")
    case("payload-encoding", ".".join([parts[0], "%%%", parts[2]]), "§3", "JWT-21", refused + "payloadEncoding", "")
    case("payload-not-object", t(claims="[]"), "§3", "JWT-21", refused + "payloadNotObject", "")
    case("duplicate-claim", t(claims='{"sub":"spiffe://a/x","sub":"spiffe://b/x","aud":"reports","exp":4102444800}'),
         "RFC 7519 §4", "JWT-39", refused + "malformedPayload", "")
    case("duplicate-header", t(header='{"alg":"ES256","alg":"ES256","kid":"jwt-1"}'), "RFC 7515 §4", "JWT-39",
         refused + "malformedHeader", "")
    case("other-claims", t(claims=CLAIMS | {"jti": "x", "iss": "y", "https://example.org/env": {"a": [1]}}), "§3", "JWT-09", "accept", "")
    case("no-sub", t(claims=without(CLAIMS, "sub")), "§3.1", "JWT-11", "jwt_svid.missing_subject", "")
    case("sub-number", t(claims=CLAIMS | {"sub": 1}), "§3.1", "JWT-11", "jwt_svid.missing_subject", "")
    for label, value, error in [("empty", "", "wrong_scheme"), ("text", "invalid subject", "wrong_scheme"),
                                ("trailing-slash", "spiffe://example.org/a/", "trailing_slash")]:
        case(f"sub-{label}", t(claims=CLAIMS | {"sub": value}), "§3.1", "JWT-11",
             f"jwt_svid.invalid_subject/spiffe_id.{error}", "")
    case("sub-without-path", t(claims=CLAIMS | {"sub": "spiffe://example.org"}), "§3.1", "JWT-40", "accept",
         "not forbidden by the text", id="spiffe://example.org")
    case("aud-empty", t(claims=CLAIMS | {"aud": []}), "§3.2", "JWT-13", "jwt_svid.missing_audience", "")
    case("aud-null", t(claims=CLAIMS | {"aud": None}), "§3.2", "JWT-13", "jwt_svid.missing_audience", "")
    case("aud-number", t(claims=CLAIMS | {"aud": 5}), "RFC 7519 §4.1.3", "JWT-13", "jwt_svid.malformed_claim", "")
    case("aud-string", t(claims=CLAIMS | {"aud": "reports"}), "§3.2", "JWT-14 JWT-37", "accept", "")
    case("aud-among-others", t(claims=CLAIMS | {"aud": ["x", "reports"]}), "§3.2", "JWT-14", "accept", "")
    case("aud-upper-case", t(claims=CLAIMS | {"aud": ["Reports"]}), "§3.2", "JWT-14", "jwt_svid.audience_mismatch", "")
    case("aud-longer", t(claims=CLAIMS | {"aud": ["reports2"]}), "§3.2", "JWT-14", "jwt_svid.audience_mismatch", "")
    case("aud-equivalent", t(claims=CLAIMS | {"aud": ["\u212a"]}), "RFC 7519 §7.3", "JWT-14", "jwt_svid.audience_mismatch",
         "KELVIN SIGN is canonically equivalent to K, and another code point", audience="K")
    case("exp-null", t(claims=CLAIMS | {"exp": None}), "§3.3", "JWT-18", "jwt_svid.malformed_claim", "")
    case("exp-string", t(claims=CLAIMS | {"exp": "4102444800"}), "§3.3", "JWT-18", "jwt_svid.malformed_claim", "")
    case("exp-huge", t(claims='{"sub":"spiffe://example.org/web","aud":"reports","exp":1e300}'), "RFC 7519 §2", "JWT-22",
         "jwt_svid.malformed_claim", "after the year 9999")
    at = int(dt.datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    case("exp-ten-minutes-ago", t(claims=CLAIMS | {"exp": at - 600}), "§4", "JWT-22", "jwt_svid.expired", "")
    case("exp-now", t(claims=CLAIMS | {"exp": at}), "RFC 7519 §4.1.4", "JWT-22", "jwt_svid.expired", "the moment itself is too late")
    case("exp-in-a-second", t(claims=CLAIMS | {"exp": at + 1}), "§4", "JWT-22", "accept", "")
    case("exp-fraction", t(claims=CLAIMS | {"exp": at + 0.5}), "§4", "JWT-22 JWT-37", "accept", "")
    case("exp-within-leeway", t(claims=CLAIMS | {"exp": at - 59}), "§4", "JWT-22", "accept", "", leeway_seconds=60)
    case("exp-beyond-leeway", t(claims=CLAIMS | {"exp": at - 60}), "§4", "JWT-22", "jwt_svid.expired", "", leeway_seconds=60)
    case("nbf-in-future", t(claims=CLAIMS | {"nbf": at + 1}), "§4", "JWT-22", "jwt_svid.not_yet_valid", "")
    for label, seconds in [("too-long", 61), ("negative", -1)]:
        case(f"leeway-{label}", t(), "§4", "JWT-22", "jwt_svid.leeway_out_of_range", "what a validator was configured with",
             leeway_seconds=seconds)
    case("nbf-within-leeway", t(claims=CLAIMS | {"nbf": at + 60}), "§4", "JWT-22", "accept", "", leeway_seconds=60)
    case("nbf-now", t(claims=CLAIMS | {"nbf": at}), "RFC 7519 §4.1.5", "JWT-22", "accept", "")
    case("iat-in-future", t(claims=CLAIMS | {"iat": at + 3600}), "RFC 7519 §4.1.6", "JWT-22", "accept", "iat has no say")
    case("payload-changed", f"{parts[0]}.{b64url(text(CLAIMS | {'sub': 'spiffe://example.org/db'}).encode())}.{parts[2]}", "§4",
         "JWT-21 SID-28", refused + "invalidSignature", "")
    case("no-signature", f"{parts[0]}.{parts[1]}.", "§4", "JWT-21", refused + "malformedSignature", "")
    case("padded", f"{parts[0]}.{parts[1]}.{parts[2]}==", "§4", "JWT-21", refused + "malformedSignature", "base64 padding")
    case("garbage", "garbage", "§4", "JWT-21", refused + "notCompact", "")
    case("too-long", t(claims=CLAIMS | {"pad": "a" * 12400}), "§4", "JWT-21", refused + "tooLong", "more than 16384 bytes")
    case("unknown-trust-domain", t(claims=CLAIMS | {"sub": "spiffe://foreign.test/web"}), "§4", "JWT-36",
         "jwt_svid.unknown_trust_domain", "the kid of a key of example.org")
    foreign = {"keys": [jwk(other, use="jwt-svid", kid="jwt-1")]}
    case("kid-of-other-trust-domain", t(claims=CLAIMS | {"sub": "spiffe://foreign.test/web"}), "§4", "JWT-36",
         refused + "invalidSignature", "foreign.test has another key of that kid", more=[("foreign.test", foreign)])
    case("same-kid-in-two-trust-domains", token(other, claims=CLAIMS | {"sub": "spiffe://foreign.test/web"}), "§4", "JWT-36",
         "accept", "the right one is used", more=[("foreign.test", foreign)], id="spiffe://foreign.test/web")
    x509_entry = jwk(authority.key, use="x509-svid", x5c=x5c(authority.cert))
    case("no-jwt-authorities", token(authority.key), "§6.2", "JWT-31", "jwt_svid.no_jwt_authorities", "",
         bundle={"keys": [x509_entry]})
    case("key-of-x509-entry", token(authority.key, header=without(HEADER, "kid")), "§6.2", "JWT-30",
         "jwt_svid.no_matching_authority", "", bundle={"keys": [x509_entry, bundle["keys"][1]]})
    case("key-of-wit-entry", token(key), "§6.2", "JWT-30", "jwt_svid.unknown_key_id", "",
         bundle={"keys": [jwk(key, use="wit-svid", kid="jwt-1"), bundle["keys"][1]]})


WIT_HEADER = {"alg": "ES256", "kid": "wit-1", "typ": "wit+jwt"}
WPT_HEADER = {"alg": "ES256", "typ": "wpt+jwt"}
TARGET = "https://reports.example.org/a"


def hashed(text_):
    return b64url(hashlib.sha256(text_.encode()).digest())


def private_jwk(key, **members):
    numbers = key.private_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return jwk(key, d=number(numbers.d), p=number(numbers.p), q=number(numbers.q), dp=number(numbers.dmp1),
                   dq=number(numbers.dmq1), qi=number(numbers.iqmp), **members)
    return jwk(key, d=number(numbers.private_value, (key.curve.key_size + 7) // 8), **members)


def wit_svids():
    authority, other, workload = p256(), p256(), p256()
    keys = {"P-384": ec.generate_private_key(ec.SECP384R1()), "P-521": ec.generate_private_key(ec.SECP521R1()),
            "RSA": rsa.generate_private_key(65537, 2048)}
    bundle = {"keys": [jwk(authority, use="wit-svid", kid="wit-1"), jwk(other, use="wit-svid", kid="wit-2")]}
    at = int(dt.datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    claims = {"sub": "spiffe://example.org/web", "exp": 4102444800, "iat": 1735689600,
              "cnf": {"jwk": jwk(workload, alg="ES256")}}
    proof_claims = {"aud": TARGET, "exp": at + 30, "jti": "proof-1"}

    def proof_of(wit, key=workload, header=WPT_HEADER, claims=None, algorithm="ES256", **more):
        claims = claims if claims is not None else proof_claims | {"wth": hashed(wit)} | more
        return token(key, header, claims, algorithm)

    def case(folder, wit, section, rules, expect, comment="", proof=True, bundle=bundle, now=NOW, more=(), **members):
        if expect == "accept":
            members = {"id": "spiffe://example.org/web", **members}
        files = {"token.txt": wit, "bundle.json": json.dumps(bundle, indent=1) + "\n"}
        bundles = {"example.org": "bundle.json"} | {name_: f"bundle-{name_}.json" for name_, _ in more}
        files |= {f"bundle-{name_}.json": json.dumps(value, indent=1) + "\n" for name_, value in more}
        if proof:
            files["proof.txt"] = proof if isinstance(proof, str) else proof_of(wit)
        write("wit-svid", folder, files, section, rules, expect, comment, bundles=bundles, target=TARGET, now=now, **members)

    def t(key=authority, header=WIT_HEADER, claims=claims, **options):
        return token(key, header, claims, **options)

    refused = "wit_svid.token/"
    parts = t().split(".")
    case("ok", t(), "§1", "WIT-01", "accept", "with proof of possession")
    case("json-serialization", json.dumps({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]}),
         "§1", "WIT-01", refused + "notCompact", "JWS JSON serialization")
    case("five-parts", ".".join([parts[0], "a", "a", "a", "a"]), "§1", "WIT-01", refused + "notCompact", "the form of a JWE")
    case("garbage", "garbage", "§1", "WIT-01", refused + "notCompact")
    case("too-long", t(claims=claims | {"pad": "a" * 12400}), "§1", "WIT-01", refused + "tooLong", "more than 16384 bytes")
    case("no-kid", t(header=without(WIT_HEADER, "kid")), "§2.1", "WIT-02", "wit_svid.missing_key_id")
    case("kid-empty", t(header=WIT_HEADER | {"kid": ""}), "§2.1", "WIT-02", "wit_svid.missing_key_id")
    case("kid-upper-case", t(header=WIT_HEADER | {"kid": "WIT-1"}), "§2.1", "WIT-03", "wit_svid.unknown_key_id")
    case("no-typ", t(header=without(WIT_HEADER, "typ")), "§2.2", "WIT-05", "wit_svid.missing_type")
    for label, value in [("jwt", "JWT"), ("upper-case", "WIT+JWT"), ("application", "application/wit+jwt"), ("empty", "")]:
        case(f"typ-{label}", t(header=WIT_HEADER | {"typ": value}), "§2.2", "WIT-05", "wit_svid.unsupported_type")
    case("typ-number", t(header=WIT_HEADER | {"typ": 5}), "§2.2", "WIT-05", refused + "headerMemberType")
    for algorithm in ["none", "HS256", "EdDSA", "es256"]:
        case(f"alg-{algorithm}", t(header=WIT_HEADER | {"alg": algorithm}), "§2.3", "WIT-07", refused + "unsupportedAlgorithm")
    case("alg-missing", t(header=without(WIT_HEADER, "alg")), "§2.3", "WIT-07", refused + "missingAlgorithm")
    case("alg-before-typ", b64url(text({"alg": "none", "typ": "JWT"}).encode()) + ".%%%.", "§2.3", "WIT-07",
         refused + "unsupportedAlgorithm", "what is wrong with alg comes first")
    case("alg-of-other-key", t(header=WIT_HEADER | {"alg": "RS256"}), "§2.3", "WIT-07", refused + "algorithmDoesNotMatchKey")
    for curve, algorithm in [("P-384", "ES384"), ("P-521", "ES512"), ("RSA", "RS256"), ("RSA", "RS384"), ("RSA", "RS512"),
                             ("RSA", "PS256"), ("RSA", "PS384"), ("RSA", "PS512")]:
        key = keys[curve]
        wit = t(key, WIT_HEADER | {"alg": algorithm}, claims | {"cnf": {"jwk": jwk(key, alg=algorithm)}}, algorithm=algorithm)
        case(f"alg-{algorithm}", wit, "§2.3", "WIT-07 WIT-15", "accept", "for the token and for the proof",
             proof_of(wit, key, WPT_HEADER | {"alg": algorithm}, algorithm=algorithm),
             bundle={"keys": [jwk(key, use="wit-svid", kid="wit-1")]})
    case("extra-header", t(header=WIT_HEADER | {"x": 1}), "§2.4", "WIT-09", "accept", "unknown members are ignored")
    case("crit", t(header=WIT_HEADER | {"crit": ["x"], "x": 1}), "§2.4", "WIT-09", refused + "criticalHeader")
    case("key-in-header", t(p256(), WIT_HEADER | {"jwk": jwk(p256())}), "§2.4", "WIT-09", refused + "invalidSignature",
         "a key in the header is never looked at")
    case("no-sub", t(claims=without(claims, "sub")), "§3.1", "WIT-10", "wit_svid.missing_subject")
    case("sub-number", t(claims=claims | {"sub": 1}), "§3.1", "WIT-10", "wit_svid.missing_subject")
    for label, value in [("empty", ""), ("wimse", "wimse://example.com/w"), ("text", "invalid")]:
        case(f"sub-{label}", t(claims=claims | {"sub": value}), "§3.1", "WIT-10 WIT-11",
             "wit_svid.invalid_subject/spiffe_id.wrong_scheme")

    def cnf(folder, value, expect, comment="", rules="WIT-14"):
        case(folder, t(claims=claims | {"cnf": value}), "§3.2", rules, f"wit_svid.{expect}", comment)

    case("no-cnf", t(claims=without(claims, "cnf")), "§3.2", "WIT-13", "wit_svid.missing_confirmation")
    cnf("cnf-string", "a", "missing_confirmation", rules="WIT-13")
    cnf("cnf-array", [claims["cnf"]], "missing_confirmation", rules="WIT-13")
    cnf("cnf-without-jwk", {"kid": "a"}, "missing_confirmation_key")
    cnf("cnf-jwk-string", {"jwk": "a"}, "missing_confirmation_key")
    cnf("cnf-private", {"jwk": private_jwk(p256(), alg="ES256")}, "private_confirmation_key")
    cnf("cnf-symmetric", {"jwk": {"kty": "oct", "k": "AA", "alg": "HS256"}}, "private_confirmation_key")
    cnf("cnf-unknown-kty", {"jwk": {"kty": "AKP", "alg": "ES256"}}, "unsupported_confirmation_key")
    cnf("cnf-ed25519", {"jwk": jwk(ed25519.Ed25519PrivateKey.generate(), alg="EdDSA")}, "unsupported_confirmation_key")
    cnf("cnf-not-on-curve", {"jwk": claims["cnf"]["jwk"] | {"y": claims["cnf"]["jwk"]["x"]}}, "malformed_confirmation_key/key")
    cnf("cnf-without-x", {"jwk": without(claims["cnf"]["jwk"], "x")}, "malformed_confirmation_key/missingMember")
    cnf("cnf-alg-missing", {"jwk": jwk(workload)}, "missing_confirmation_algorithm", rules="WIT-15")
    cnf("cnf-alg-number", {"jwk": jwk(workload, alg=5)}, "missing_confirmation_algorithm", rules="WIT-15")
    for algorithm in ["HS256", "EdDSA"]:
        cnf(f"cnf-alg-{algorithm}", {"jwk": jwk(workload, alg=algorithm)}, "unsupported_confirmation_algorithm", rules="WIT-15")
    cnf("cnf-alg-of-other-curve", {"jwk": jwk(keys["P-384"], alg="ES256")}, "confirmation_algorithm_mismatch", rules="WIT-15")
    case("jti", t(claims=claims | {"jti": "a"}), "§3.3", "WIT-16", "accept")
    case("no-exp", t(claims=without(claims, "exp")), "§3.4", "WIT-21", "wit_svid.missing_expiration")
    case("exp-string", t(claims=claims | {"exp": "4102444800"}), "§3.4", "WIT-21", "wit_svid.malformed_claim")
    case("exp-ten-minutes-ago", t(claims=claims | {"exp": at - 600}), "§3.4", "WIT-22", "wit_svid.expired")
    case("exp-now", t(claims=claims | {"exp": at}), "§3.4", "WIT-22", "wit_svid.expired", "the moment itself is too late")
    case("exp-in-a-second", t(claims=claims | {"exp": at + 1}), "§3.4", "WIT-22", "accept")
    case("exp-within-leeway", t(claims=claims | {"exp": at - 119}), "§3.4", "WIT-23", "accept", leeway_seconds=120)
    case("exp-beyond-leeway", t(claims=claims | {"exp": at - 120}), "§3.4", "WIT-23", "wit_svid.expired", leeway_seconds=120)
    case("nbf-in-future", t(claims=claims | {"nbf": at + 600}), "§3.5", "WIT-25", "wit_svid.not_yet_valid")
    for label, seconds in [("too-long", 121), ("negative", -1)]:
        case(f"leeway-{label}", t(), "§3.4", "WIT-23", "wit_svid.leeway_out_of_range", "what a validator was configured with",
             leeway_seconds=seconds)
    case("nbf-in-future-with-leeway", t(claims=claims | {"nbf": at + 1}), "§3.5", "WIT-25", "wit_svid.not_yet_valid",
         "the text grants no leeway for nbf", leeway_seconds=120)
    case("nbf-now", t(claims=claims | {"nbf": at}), "§3.5", "WIT-25", "accept")
    case("lifetime-too-long", t(claims=claims | {"nbf": at, "exp": at + 7200}), "§3.5", "WIT-26 WIT-27",
         "wit_svid.lifetime_too_long", max_lifetime_seconds=3600)
    case("lifetime-longest", t(claims=claims | {"nbf": at, "exp": at + 3600}), "§3.5", "WIT-27", "accept", max_lifetime_seconds=3600)
    case("lifetime-without-nbf", t(), "§3.5", "WIT-26", "accept", "no nbf to count from", max_lifetime_seconds=3600)
    case("iat-in-future", t(claims=claims | {"iat": at + 3600}), "§3.6", "WIT-29", "accept", "iat has no say")
    case("iss", t(claims=claims | {"iss": "https://other.test"}), "§3.7", "WIT-30", "accept", "iss finds no keys")
    for label, value in [("string", "reports"), ("array", ["reports"]), ("empty", []), ("null", None)]:
        case(f"aud-{label}", t(claims=claims | {"aud": value}), "§3.8", "WIT-32", "wit_svid.audience_present")
    case("other-claims", t(claims=claims | {"foo": 1, "https://example.org/env": {"a": [1]}}), "§3.8", "WIT-33 WIT-34", "accept")
    case("duplicate-claim", t(claims='{"sub":"spiffe://a/x","sub":"spiffe://b/x","exp":4102444800}'), "RFC 7519 §4", "WIT-10",
         refused + "malformedPayload")
    case("payload-changed", f"{parts[0]}.{b64url(text(claims | {'sub': 'spiffe://example.org/db'}).encode())}.{parts[2]}", "§4",
         "WIT-51", refused + "invalidSignature")
    case("no-signature", f"{parts[0]}.{parts[1]}.", "§4", "WIT-51", refused + "malformedSignature")
    case("key-of-other-kid", t(header=WIT_HEADER | {"kid": "wit-2"}), "§4", "WIT-51", refused + "invalidSignature")
    case("unknown-kid", t(header=WIT_HEADER | {"kid": "wit-9"}), "§6", "WIT-51", "wit_svid.unknown_key_id")
    case("key-of-jwt-entry", t(), "§6", "WIT-51", "wit_svid.unknown_key_id",
         bundle={"keys": [jwk(authority, use="jwt-svid", kid="wit-1"), bundle["keys"][1]]})
    case("no-wit-authorities", t(), "§6", "WIT-51 WIT-52", "wit_svid.no_wit_authorities",
         bundle={"keys": [jwk(authority, use="jwt-svid", kid="wit-1")]})
    case("entry-without-use", t(), "§6", "WIT-52", "wit_svid.no_wit_authorities", bundle={"keys": [jwk(authority, kid="wit-1")]})
    case("kid-of-two-kinds", t(), "§6", "WIT-50", "wit_svid.no_wit_authorities",
         "a jwt-svid key has the same kid: neither is used",
         bundle={"keys": [jwk(authority, use="wit-svid", kid="wit-1"), jwk(other, use="jwt-svid", kid="wit-1")]})
    foreign = {"keys": [jwk(other, use="wit-svid", kid="wit-1")]}
    case("unknown-trust-domain", t(claims=claims | {"sub": "spiffe://foreign.test/web"}), "§4", "WIT-51",
         "wit_svid.unknown_trust_domain", "the kid of a key of example.org")
    case("kid-of-other-trust-domain", t(claims=claims | {"sub": "spiffe://foreign.test/web"}), "§4", "WIT-51",
         refused + "invalidSignature", "foreign.test has another key of that kid", more=[("foreign.test", foreign)])

    def proof(folder, expect, rules, comment="", value=None, wit=t(), **members):
        expect = expect if expect == "accept" else f"wit_svid.proof/workload_proof.{expect}"
        case(folder, wit, "§4, WIMSE WPT", rules, expect, comment, value or proof_of(wit), **members)

    wit = t()
    case("alone", t(), "§4", "WIT-41", "wit_svid.missing_proof", "the token without a proof", proof=False)
    proof("proof-of-other-key", "token/invalidSignature", "WIT-41", "", proof_of(wit, p256()), wit)
    proof("proof-garbage", "token/notCompact", "WIT-41", "", "garbage", wit)
    proof("proof-is-the-token", "unsupported_type", "WIT-41", "the token in the place of its proof", wit, wit)
    proof("proof-typ-JWT", "unsupported_type", "WIT-45", "", proof_of(wit, header=WPT_HEADER | {"typ": "JWT"}), wit)
    proof("proof-no-typ", "unsupported_type", "WIT-45", "", proof_of(wit, header=without(WPT_HEADER, "typ")), wit)
    proof("proof-alg", "algorithm_mismatch", "WIT-45", "the cnf says ES256",
          proof_of(wit, keys["P-384"], WPT_HEADER | {"alg": "ES384"}, algorithm="ES384"), wit)
    proof("proof-no-aud", "missing_audience", "WIT-55", "", proof_of(wit, claims={"exp": at + 30, "jti": "a", "wth": hashed(wit)}), wit)
    proof("proof-aud-empty", "missing_audience", "WIT-55", "", proof_of(wit, aud=[]), wit)
    proof("proof-aud-number", "malformed_claim", "WIT-55", "", proof_of(wit, aud=5), wit)
    proof("proof-aud-array", "accept", "WIT-55", "", proof_of(wit, aud=["https://other.test/", TARGET]), wit)
    proof("proof-aud-other-path", "audience_mismatch", "WIT-55", "a proof for /b", proof_of(wit, aud=TARGET[:-1] + "b"), wit)
    proof("proof-aud-other-host", "audience_mismatch", "WIT-55", "", proof_of(wit, aud="https://other.test/a"), wit)
    proof("proof-no-exp", "missing_expiration", "WIT-53", "", proof_of(wit, claims={"aud": TARGET, "jti": "a", "wth": hashed(wit)}), wit)
    proof("proof-exp-string", "malformed_claim", "WIT-53", "", proof_of(wit, exp=str(at + 30)), wit)
    proof("proof-expired", "expired", "WIT-53", "", proof_of(wit, exp=at), wit)
    proof("proof-too-long", "lifetime_too_long", "WIT-53 WIT-54", "a minute at most", proof_of(wit, exp=at + 61), wit)
    proof("proof-longest", "accept", "WIT-53 WIT-54", "", proof_of(wit, exp=at + 60), wit)
    proof("proof-longest-allowed", "accept", "WIT-53", "", proof_of(wit, exp=at + 300), wit, max_proof_lifetime_seconds=300)
    proof("proof-no-jti", "missing_id", "WIT-56", "", proof_of(wit, claims={"aud": TARGET, "exp": at + 30, "wth": hashed(wit)}), wit)
    proof("proof-jti-empty", "malformed_claim", "WIT-56", "", proof_of(wit, jti=""), wit)
    proof("proof-jti-too-long", "malformed_claim", "WIT-56", "", proof_of(wit, jti="a" * 257), wit)
    proof("proof-no-wth", "missing_token_hash", "WIT-45", "", proof_of(wit, claims=proof_claims), wit)
    proof("proof-of-other-token", "token_hash_mismatch", "WIT-45", "of an earlier token of the same key",
          proof_of(wit, wth=hashed(t())), wit)
    access, transaction = {"access_token": "access"}, {"transaction_token": "transaction"}
    proof("proof-ath", "accept", "WIT-55", "", proof_of(wit, ath=hashed("access")), wit, **access)
    proof("proof-ath-missing", "access_token_hash_mismatch", "WIT-55", "", proof_of(wit), wit, **access)
    proof("proof-ath-other", "access_token_hash_mismatch", "WIT-55", "", proof_of(wit, ath=hashed("other")), wit, **access)
    proof("proof-ath-unexpected", "access_token_hash_mismatch", "WIT-55", "no access token came", proof_of(wit, ath=hashed("access")), wit)
    proof("proof-tth", "accept", "WIT-55", "", proof_of(wit, tth=hashed("transaction")), wit, **transaction)
    proof("proof-tth-missing", "transaction_token_hash_mismatch", "WIT-55", "", proof_of(wit), wit, **transaction)
    others = {"other_tokens": {"x": "other"}}
    proof("proof-oth", "accept", "WIT-55", "", proof_of(wit, oth={"x": hashed("other")}), wit, **others)
    proof("proof-oth-missing", "other_token_hash_mismatch", "WIT-55", "", proof_of(wit), wit, **others)
    proof("proof-oth-unknown", "other_token_hash_mismatch", "WIT-55", "an entry that is not understood",
          proof_of(wit, oth={"x": hashed("other"), "y": hashed("other")}), wit, **others)
    proof("proof-oth-string", "malformed_claim", "WIT-55", "", proof_of(wit, oth="a"), wit, **others)

    def own(folder, expect, rules, comment, key, wit=t(), **members):
        write("wit-svid-own", folder, {"token.txt": wit, "key.json": key if isinstance(key, str) else json.dumps(key)},
              "Workload API §7", rules, expect, comment, **members)

    own("ok", "accept", "WAPI-69", "", private_jwk(workload))
    own("extra-members", "accept", "WAPI-69", "", private_jwk(workload, alg="ES256", use="sig", kid="a"))
    for curve, algorithm in [("P-384", "ES384"), ("P-521", "ES512"), ("RSA", "RS256"), ("RSA", "PS512")]:
        own(f"key-{algorithm}", "accept", "WAPI-69", "", private_jwk(keys[curve]),
            t(claims=claims | {"cnf": {"jwk": jwk(keys[curve], alg=algorithm)}}))
    malformed = "wit_svid.malformed_private_key/"
    own("key-public", malformed + "missingMember", "WAPI-69", "a public JWK", jwk(workload))
    own("key-of-other", "wit_svid.private_key_mismatch", "WAPI-69", "the key of another token", private_jwk(p256()))
    own("key-halves", malformed + "key", "WAPI-69", "private and public members of two keys",
        jwk(workload, d=private_jwk(p256())["d"]))
    own("key-rsa-halves", malformed + "key", "WAPI-69", "private and public members of two keys",
        private_jwk(keys["RSA"]) | {"d": private_jwk(rsa.generate_private_key(65537, 2048))["d"]},
        t(claims=claims | {"cnf": {"jwk": jwk(keys["RSA"], alg="RS256")}}))
    own("key-d-zero", malformed + "key", "WAPI-69", "", jwk(workload, d=number(0, 32)))
    own("key-d-short", malformed + "key", "WAPI-69", "", jwk(workload, d="AA"))
    own("key-rsa-three-primes", malformed + "key", "WAPI-69", "", private_jwk(keys["RSA"], oth=[]),
        t(claims=claims | {"cnf": {"jwk": jwk(keys["RSA"], alg="RS256")}}))
    own("key-not-json", malformed + "missingMember", "WAPI-69", "", "garbage")
    own("key-symmetric", malformed + "key", "WAPI-69", "", {"kty": "oct", "k": "AA"})
    own("aud", "wit_svid.audience_present", "WIT-32", "", private_jwk(workload), t(claims=claims | {"aud": "a"}))
    own("no-cnf", "wit_svid.missing_confirmation", "WIT-13", "", private_jwk(workload), t(claims=without(claims, "cnf")))
    own("appendix-a", "wit_svid.private_key_mismatch", "WIT-59",
        "the example of the text, whose private key is not in it: everything before is right",
        private_jwk(workload), APPENDIX_A, source="WIT-SVID, Appendix A")
    own("typ-JWT", "wit_svid.unsupported_type", "WIT-05", "", private_jwk(workload), t(header=WIT_HEADER | {"typ": "JWT"}))


# The example token of the standard's text.
APPENDIX_A = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImxRU2kzaFpGbmRhMkQtWEprajF6bDdmb0pvdWl3STRuckF5aHk0alppSmciLCJ0eXAiOiJ3aXQrand0In0"
    ".eyJjbmYiOnsiandrIjp7ImFsZyI6IkVTMjU2IiwiY3J2IjoiUC0yNTYiLCJrdHkiOiJFQyIsIngiOiJyelA3bUxDS0FIV21zTTZYMEV3VklTQ"
    "19oSTN1amN1OTVmZlVreWVER0dvIiwieSI6InVPcmZEbGp0WDltM2pZLWhzeWhMSllheHRHa3pEdjVlNWttQ2U1OFo5N2cifX0sImV4cCI6MTc2"
    "NTQ1NjUwMywiaWF0IjoxNzY1NDUyOTAzLCJqdGkiOiIxeWoxOVY0TWNPQXpNY0ZpN3F2c2dfQWdDeGxyWTVFX3g1MDl3bEtLUXRjIiwic3ViIjo"
    "ic3BpZmZlOi8vZXhhbXBsZS5jb20vbXktd29ya2xvYWQifQ"
    ".sfhEvZNdY_kWrICF08lX0u__rn39YnTavnW-VPBS20zgowDh6-X43v5eOUKZbjZf06yLBQM-Mry5w1g1QFsCkg")


def wit_bundles():
    key, second = p256(), p256()
    jwt_entry, wit_entry = jwk(key, use="jwt-svid", kid="a"), jwk(second, use="wit-svid", kid="w")

    def case(folder, keys, rules, comment="", file="document.json", skipped=(), **members):
        write("trust-bundle", folder, {file: json.dumps({"keys": keys})}, "WIT-SVID §6", rules, "accept", comment, TEXT,
              **{"x509_authorities": 0, "jwt_authorities": 0, "wit_authorities": 0, **members}, skipped=list(skipped))

    case("wit-two", [wit_entry, jwk(key, use="wit-svid", kid="v")], "WIT-47 WIT-48", wit_authorities=2)
    case("wit-and-jwt", [jwt_entry, wit_entry], "WIT-48 WIT-52", jwt_authorities=1, wit_authorities=1)
    case("wit-use-upper-case", [wit_entry | {"use": "WIT-SVID"}], "WIT-48", skipped=["0 unknownUse"])
    case("wit-use-missing", [without(wit_entry, "use")], "WIT-52", skipped=["0 missingUse"])
    case("wit-without-kid", [without(wit_entry, "kid"), jwt_entry], "WIT-49 BUN-37", jwt_authorities=1, skipped=["0 missingKeyID"])
    case("wit-empty-kid", [wit_entry | {"kid": ""}], "WIT-49", skipped=["0 missingKeyID"])
    case("wit-duplicate-kid", [wit_entry, jwk(key, use="wit-svid", kid="w")], "WIT-50", "the first stays", wit_authorities=1,
         skipped=["1 duplicateKeyID"])
    case("wit-kid-of-jwt", [jwt_entry, wit_entry | {"kid": "a"}, wit_entry], "WIT-50", "nobody can say which is meant",
         wit_authorities=1, skipped=["0 sharedKeyID", "1 sharedKeyID"])
    case("wit-jwks", [without(wit_entry, "use"), jwt_entry], "WIT-51 WAPI-64", "a key set of the Workload API", "wit-jwks.json",
         wit_authorities=1, skipped=["1 unknownUse"])


def bundles():
    authority, second, key = CA(), CA(), p256()
    x509_entry = jwk(authority.key, use="x509-svid", x5c=x5c(authority.cert))
    jwt_entry = jwk(key, use="jwt-svid", kid="a")
    section = "Trust Domain and Bundle "

    def case(folder, document, part, rules, expect, comment="", file="document.json", source=PYTHON, **members):
        content = document if isinstance(document, (str, bytes)) else json.dumps(document, indent=1) + "\n"
        write("trust-bundle", folder, {file: content}, part if "SVID" in part or "RFC" in part else section + part, rules,
              expect, comment, source, **members)

    def skip(folder, entry, reason, part, rules, comment="", **members):
        case(folder, {"keys": [entry, x509_entry]}, part, rules, "accept", comment, x509_authorities=1, jwt_authorities=0,
             skipped=[f"0 {reason}"], **members)

    good = {"x509_authorities": 1, "jwt_authorities": 1, "skipped": []}
    case("extra-member", {"keys": [x509_entry, jwt_entry], "x-note": 1}, "§4.1", "BUN-04", "accept", **good)
    case("keys-alone", {"keys": [x509_entry, jwt_entry]}, "§4.1", "BUN-05", "accept", **good)
    empty = {"x509_authorities": 0, "jwt_authorities": 0, "skipped": []}
    case("empty", '{"keys":[]}', "§4.1.3", "BUN-13 BUN-15", "accept", **empty)
    case("no-keys", "{}", "§4.1.3", "BUN-13", "trust_bundle.keys_missing")
    case("keys-null", '{"keys":null}', "§4.1.3", "BUN-13", "trust_bundle.keys_not_an_array")
    case("keys-object", '{"keys":{}}', "§4.1.3", "BUN-13", "trust_bundle.keys_not_an_array")
    case("key-is-number", '{"keys":[5]}', "RFC 7517 §5", "BUN-13", "trust_bundle.key_not_an_object")
    case("not-an-object", "[]", "§4.1", "BUN-13", "trust_bundle.not_an_object")
    case("not-json", "keys", "§4.1", "BUN-13", "trust_bundle.malformed_json")
    case("two-keys-members", '{"keys":[],"keys":[]}', "§4.1", "BUN-35", "trust_bundle.malformed_json")
    case("trailing-byte", '{"keys":[]}x', "§4.1", "BUN-39", "trust_bundle.malformed_json")
    case("byte-order-mark", b'\xef\xbb\xbf{"keys":[]}', "§4.1", "BUN-39", "trust_bundle.malformed_json", "refused, not stripped")
    case("too-long", '{"keys":[]}', "§4.1", "BUN-39", "trust_bundle.too_long", "padded with spaces by the test",
         padded_to_bytes=4194305)
    case("longest", '{"keys":[]}', "§4.1", "BUN-39", "accept", "padded with spaces by the test", padded_to_bytes=4194304, **empty)
    case("too-many-keys", '{"keys":[' + ",".join(["{}"] * 1025) + "]}", "§4.1", "BUN-39", "trust_bundle.too_many_authorities")
    for label, value in [("string", '"5"'), ("fraction", "5.5"), ("negative", "-1"), ("null", "null"), ("65-bits", "18446744073709551616")]:
        case(f"sequence-{label}", f'{{"keys":[],"spiffe_sequence":{value}}}', "§4.1.1", "BUN-07", "trust_bundle.invalid_sequence_number")
    case("sequence-minus-zero", '{"keys":[],"spiffe_sequence":-0}', "§4.1.1", "BUN-07", "trust_bundle.invalid_sequence_number",
         "a sign")
    for value in ["9007199254740993", "18446744073709551615"]:
        case(f"sequence-{value}", f'{{"keys":[],"spiffe_sequence":{value}}}', "§4.1.1", "BUN-09", "accept",
             sequence=value, **empty)
    case("hint-60", '{"keys":[],"spiffe_refresh_hint":60}', "§4.1.2", "BUN-11", "accept", refresh_hint_seconds=60, **empty)
    case("hint-other-name", '{"keys":[],"refresh_hint":60}', "§6.1", "BUN-11", "accept", "the standard calls it so, too",
         refresh_hint_seconds=60, **empty)
    case("hint-other-name-text", '{"keys":[],"refresh_hint":"soon"}', "§6.1", "BUN-04 BUN-11", "accept",
         "under that name it may be anyone's", **empty)
    for label, value in [("string", '"60"'), ("fraction", "60.5"), ("negative", "-1"), ("huge", "2147483648")]:
        case(f"hint-{label}", f'{{"keys":[],"spiffe_refresh_hint":{value}}}', "§4.1.2", "BUN-11", "trust_bundle.invalid_refresh_hint")

    skip("kty-unknown", x509_entry | {"kty": "AKP"}, "unknownKeyType", "§4.2.1", "BUN-14 BUN-21")
    skip("kty-unknown-jwt", {"kty": "FOO", "use": "jwt-svid", "kid": "a"}, "unknownKeyType", "§4.2.1", "BUN-21")
    skip("kty-missing", {"use": "jwt-svid", "kid": "a"}, "missingKeyType", "§4.2.1", "BUN-21")
    skip("curve-unknown", jwt_entry | {"crv": "P-192"}, "unknownKeyType", "§4.2.1", "BUN-21")
    skip("use-unknown", jwt_entry | {"use": "foo-svid"}, "unknownUse", "§4.2.2", "BUN-14 BUN-24")
    skip("use-sig", jwt_entry | {"use": "sig"}, "unknownUse", "§4.2.2", "BUN-24")
    skip("use-upper-case", jwt_entry | {"use": "JWT-SVID"}, "unknownUse", "§4.2.2", "BUN-23")
    skip("use-missing", without(jwt_entry, "use"), "missingUse", "§4.2.2", "BUN-24")
    skip("key-not-on-curve", jwt_entry | {"y": jwt_entry["x"]}, "malformedKey", "RFC 7517 §5", "BUN-14")
    skip("private-key", jwt_entry | {"d": "AA"}, "privateKeyMaterial", "§4.2", "BUN-34")
    skip("symmetric-key", {"kty": "oct", "k": "AA", "use": "jwt-svid", "kid": "a"}, "privateKeyMaterial", "§4.2", "BUN-34")
    skip("jwt-without-kid", without(jwt_entry, "kid"), "missingKeyID", "JWT-SVID §6.1", "BUN-37")
    skip("jwt-empty-kid", jwt_entry | {"kid": ""}, "missingKeyID", "JWT-SVID §6.1", "BUN-37")
    skip("x5c-missing", without(x509_entry, "x5c"), "missingCertificate", "X509-SVID §6.2", "X509-45")
    skip("x5c-empty", x509_entry | {"x5c": []}, "missingCertificate", "X509-SVID §6.2", "X509-45")
    skip("x5c-garbage", x509_entry | {"x5c": ["AAAA"]}, "malformedCertificate", "X509-SVID §6.2", "X509-45")
    skip("x5c-base64url", x509_entry | {"x5c": [b64url(der(authority.cert))]}, "malformedCertificate", "X509-SVID §6.1", "X509-42")
    skip("x5c-of-other-key", x509_entry | {"x5c": x5c(second.cert)}, "keyNotOfCertificate", "X509-SVID §6.2", "X509-48")
    case("x5c-two", {"keys": [x509_entry | {"x5c": x5c(authority.cert, second.cert)}]}, "X509-SVID §6.2", "X509-46", "accept",
         "the first counts", x509_authorities=1, jwt_authorities=0, skipped=[])
    case("x5c-then-number", {"keys": [x509_entry | {"x5c": [*x5c(authority.cert), 5]}]}, "X509-SVID §6.2", "X509-46", "accept",
         "what follows the first is not looked at", x509_authorities=1, jwt_authorities=0, skipped=[])
    skip("x5c-number", x509_entry | {"x5c": [5, *x5c(authority.cert)]}, "malformedKey", "X509-SVID §6.2", "X509-46")
    unknown = CA(key=ec.generate_private_key(ec.SECP256K1()), parent=authority)
    long_rsa, short_rsa = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 1024)
    pss, short = CA(key=long_rsa, pss=True), CA(key=short_rsa)
    skip("x5c-of-unknown-key", x509_entry | {"x5c": x5c(unknown.cert)}, "unsupportedCertificate", "X509-SVID §6.2",
         "X509-45 BUN-14", "a key on secp256k1")
    skip("x5c-of-unknown-signature", jwk(long_rsa, use="x509-svid", x5c=x5c(pss.cert)), "unsupportedCertificate",
         "X509-SVID §6.2", "X509-45 BUN-14", "signed with RSASSA-PSS")
    case("x509-with-kid", {"keys": [x509_entry | {"kid": "a"}]}, "X509-SVID §6.1", "X509-41", "accept", "tolerated",
         x509_authorities=1, jwt_authorities=0, skipped=[])
    case("same-certificate-twice", {"keys": [x509_entry, x509_entry]}, "X509-SVID §6.2", "X509-47", "accept", "a union",
         x509_authorities=1, jwt_authorities=0, skipped=[])
    case("two-certificates", {"keys": [x509_entry, jwk(second.key, use="x509-svid", x5c=x5c(second.cert))]}, "X509-SVID §6.2",
         "X509-47", "accept", "a union", x509_authorities=2, jwt_authorities=0, skipped=[])
    case("duplicate-kid", {"keys": [jwt_entry, jwk(p256(), use="jwt-svid", kid="a")]}, "JWT-SVID §6.1", "BUN-36", "accept",
         "the first stays", x509_authorities=0, jwt_authorities=1, skipped=["1 duplicateKeyID"])
    case("extra-key-members", {"keys": [jwt_entry | {"alg": "ES256", "key_ops": ["verify"], "x5t": "AA"}]}, "§4.2", "BUN-19",
         "accept", "tolerated", x509_authorities=0, jwt_authorities=1, skipped=[])
    ca_keys = {"ed25519": ed25519.Ed25519PrivateKey.generate(), "rsa": rsa.generate_private_key(65537, 2048),
               "p384": ec.generate_private_key(ec.SECP384R1()), "p521": ec.generate_private_key(ec.SECP521R1())}
    for kind, ca_key in ca_keys.items():
        case(f"authority-{kind}", {"keys": [jwk(ca_key, use="x509-svid", x5c=x5c(CA(key=ca_key).cert))]}, "X509-SVID §6.1",
             "X509-39", "accept", x509_authorities=1, jwt_authorities=0, skipped=[])

    case("jwks-without-use", {"keys": [without(jwt_entry, "use"), x509_entry, jwt_entry | {"use": "wit-svid", "kid": "w"}]},
         "JWT-SVID §6.2", "JWT-30", "accept", "a key set of the Workload API: SPIRE leaves use out", file="jwks.json",
         x509_authorities=0, jwt_authorities=1, skipped=["1 unknownUse", "2 unknownUse"])
    case("der-empty", b"", "§3", "BUN-13", "accept", "no certificates", file="certificates.der", **empty)
    case("der-two", der(authority.cert, second.cert), "§3", "X509-47", "accept", file="certificates.der",
         x509_authorities=2, jwt_authorities=0, skipped=[])
    case("der-truncated", der(authority.cert, second.cert)[:-1], "§3", "BUN-39", "trust_bundle.malformed_certificate", file="certificates.der")
    for kind, odd in [("unknown-key", unknown), ("unknown-signature", pss), ("short-rsa", short)]:
        case(f"der-{kind}", der(authority.cert, odd.cert, second.cert), "§4.2", "BUN-14", "accept",
             "the others stay in force", file="certificates.der", x509_authorities=2, jwt_authorities=0, skipped=[],
             leaves_out_certificates=1)
    pem = lambda c: c.public_bytes(serialization.Encoding.PEM).decode()
    case("pem-two", pem(authority.cert) + "text between\n" + pem(second.cert), "§3", "X509-47", "accept", file="certificates.pem",
         x509_authorities=2, jwt_authorities=0, skipped=[])
    case("pem-unknown-key", pem(unknown.cert) + pem(second.cert), "§4.2", "BUN-14", "accept", "the other stays in force",
         file="certificates.pem", x509_authorities=1, jwt_authorities=0, skipped=[])
    case("pem-text-after-begin", pem(authority.cert) + pem(second.cert).replace("-----\n", "----- \n", 1), "§3", "BUN-39",
         "trust_bundle.malformed_pem", "a space after the line that begins the second block", file="certificates.pem")
    case("pem-empty", "\n", "§3", "BUN-13", "accept", file="certificates.pem", **empty)
    case("pem-other-blocks", key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo), "§3", "BUN-13", "accept",
        "no block of a certificate", file="certificates.pem", **empty)
    case("pem-none", "not PEM", "§3", "BUN-39", "trust_bundle.malformed_pem", file="certificates.pem")
    case("pem-broken", "-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----\n", "§3", "BUN-39",
         "trust_bundle.malformed_pem", file="certificates.pem")
    case("pem-garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "§3", "BUN-39",
         "trust_bundle.malformed_certificate", file="certificates.pem")

    def map_(folder, document, rules, expect, comment="", **members):
        case(folder, document, "§5.1", rules, expect, comment, file="map.json", **members)

    map_("map-without-trust-domains", "{}", "BUN-25", "trust_bundle.trust_domains_missing")
    map_("map-trust-domains-array", '{"trust_domains":[]}', "BUN-25", "trust_bundle.trust_domains_not_an_object")
    map_("map-empty", '{"trust_domains":{}}', "BUN-26", "accept", trust_domains=[])
    map_("map-two", {"trust_domains": {"foreign.test": {"keys": []}, "example.org": {"keys": [x509_entry], "spiffe_refresh_hint": 1}}},
         "BUN-27 BUN-31", "accept", "the hint inside has no say", trust_domains=["example.org", "foreign.test"])
    map_("map-key-is-id", '{"trust_domains":{"spiffe://example.org":{"keys":[]}}}', "BUN-27",
         "trust_bundle.invalid_trust_domain/spiffe_id.port")
    map_("map-key-upper-case", '{"trust_domains":{"Example.org":{"keys":[]}}}', "BUN-27",
         "trust_bundle.invalid_trust_domain/spiffe_id.upper_case_trust_domain")
    map_("map-duplicate", '{"trust_domains":{"a":{"keys":[]},"a":{"keys":[]}}}', "BUN-29", "trust_bundle.malformed_json")
    map_("map-bad-bundle", '{"trust_domains":{"a":{"keys":[]},"b":{}}}', "BUN-32", "trust_bundle.invalid_bundle/trust_bundle.keys_missing",
         "one bad bundle refuses the map")
    map_("map-too-many", '{"trust_domains":{' + ",".join(f'"{index:x}":0' for index in range(4097)) + "}}", "BUN-39",
         "trust_bundle.too_many_trust_domains")
    write("trust-bundle", "map-built-with-duplicate", {"trust-domains.txt": "example.org\nexample.org\n"}, section + "§5.1",
          "BUN-28", "trust_bundle.duplicate_trust_domain", "a map made of two bundles of one trust domain", TEXT)


# --- access tokens


def access_tokens():
    """The attacks of RFC 8725, and the rules of RFC 9068 and RFC 8705, on a token of `orders` for `payments`."""
    key, other = p256(), p256()
    keys = {"P-384": ec.generate_private_key(ec.SECP384R1()), "RSA": rsa.generate_private_key(65537, 2048)}
    key_set = {"keys": [jwk(key, use="sig", kid="at-1", alg="ES256"), jwk(other, use="sig", kid="at-2", alg="ES256"),
                        jwk(other, use="jwt-svid", kid="svid-1")]}
    thumbprint = hashlib.sha256(b"the certificate of orders").digest()
    orders, payments = "spiffe://example.org/orders", "spiffe://example.org/payments"
    header = {"alg": "ES256", "kid": "at-1", "typ": "at+jwt"}
    now = 1767225600
    claims = {"iss": "https://issuer.example.org", "sub": orders, "client_id": orders, "aud": payments,
              "scope": "payments:create payments:read", "iat": now - 60, "exp": now + 540, "jti": "b3b1e7c0"}
    refused = "access_token.token/"

    def case(folder, content, section, expect, comment="", key_set=key_set, **members):
        write("access-token", folder, {"token.txt": content, "keys.json": json.dumps(key_set, indent=1) + "\n"}, section,
              section, expect, comment, now=NOW, **members)

    def t(key=key, algorithm="ES256", header=header, claims=claims, **more):
        return token(key, header, claims if isinstance(claims, str) else claims | more, algorithm)

    good = t()
    parts = good.split(".")
    case("accept", good, "RFC9068-4", "accept", "all is well")
    case("accept-media-type", t(header=header | {"typ": "application/at+jwt"}), "RFC9068-4", "accept")
    case("accept-aud-array", t(aud=[payments]), "RFC9068-4", "accept", "an array of one")
    case("accept-certificate", t(cnf={"x5t#S256": b64url(thumbprint)}), "RFC8705-3", "accept", peer_certificate_sha256=thumbprint.hex())
    case("accept-scopes-array", t(claims=without(claims, "scope"), scopes=["payments:create"]), "RFC9068-2.2.3", "accept",
         "as some issuers write it")
    for curve, algorithm in [("P-384", "ES384"), ("RSA", "RS256")]:
        case(f"accept-{algorithm}", t(keys[curve], algorithm, header | {"alg": algorithm}), "RFC9068-2.1", "accept",
             key_set={"keys": [jwk(keys[curve], use="sig", kid="at-1", alg=algorithm)]})

    # RFC 8725: what attackers do to tokens.
    for algorithm in ["none", "None", "nOnE", "HS256", "HS512", "ES256K"]:
        unsigned = b64url(text(header | {"alg": algorithm}).encode()) + "." + parts[1] + "."
        case(f"alg-{algorithm}", unsigned + ("" if algorithm.lower() == "none" else b64url(b"0" * 32)), "RFC8725-3.1",
             refused + "unsupportedAlgorithm")
    message = b64url(text(header | {"alg": "HS256"}).encode()) + "." + parts[1]
    spki = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    mac = b64url(hmac.digest(spki, message.encode(), "sha256"))
    case("hmac-with-public-key", message + "." + mac, "RFC8725-2.1", refused + "unsupportedAlgorithm", "the PEM is the secret")
    case("alg-PS256", t(keys["RSA"], "PS256", header | {"alg": "PS256"}), "RFC8725-3.1", "access_token.algorithm_not_allowed",
         "JOSE knows it, nobody allowed it", key_set={"keys": [jwk(keys["RSA"], use="sig", kid="at-1")]})
    case("alg-ES384-with-p256", t(header=header | {"alg": "ES384"}), "RFC8725-3.1", refused + "algorithmDoesNotMatchKey")
    case("alg-RS256-with-p256", t(header=header | {"alg": "RS256"}), "RFC8725-2.1", refused + "algorithmDoesNotMatchKey")
    case("no-signature", ".".join(parts[:2]) + ".", "RFC8725-3.3", refused + "malformedSignature")
    case("two-parts", ".".join(parts[:2]), "RFC8725-3.3", refused + "notCompact")
    case("five-parts", ".".join([parts[0], "a", "a", "a", "a"]), "RFC8725-3.3", refused + "notCompact", "the form of a JWE")
    case("payload-changed", ".".join([parts[0], b64url(text(claims | {"scope": "admin"}).encode()), parts[2]]), "RFC8725-3.3",
         refused + "invalidSignature")
    case("key-of-other-kid", t(header=header | {"kid": "at-2"}), "RFC8725-3.8", refused + "invalidSignature")
    case("key-not-of-issuer", t(p256()), "RFC8725-3.8", refused + "invalidSignature")
    case("unknown-kid", t(header=header | {"kid": "at-9"}), "RFC8725-3.8", "access_token.unknown_key_id")
    case("kid-as-path", t(header=header | {"kid": "../../dev/null"}), "RFC8725-3.10", "access_token.unknown_key_id")
    case("no-kid", t(header=without(header, "kid")), "RFC8725-3.8", "access_token.missing_key_id", "keys are not tried")
    case("kid-number", t(header=header | {"kid": 1}), "RFC8725-3.8", refused + "headerMemberType")
    case("kid-of-svid-key", t(other, header=header | {"kid": "svid-1"}), "RFC8725-3.8", "access_token.unknown_key_id",
         "a key for JWT-SVIDs signs no access token")
    mine = p256()
    case("jwk", t(mine, header=without(header, "kid") | {"jwk": jwk(mine)}), "RFC8725-3.10", "access_token.key_in_header")
    case("jwk-and-kid", t(header=header | {"jwk": jwk(key)}), "RFC8725-3.10", "access_token.key_in_header", "even the right key")
    for member in ["jku", "x5u"]:
        case(member, t(header=header | {member: "https://attacker.test/keys"}), "RFC8725-3.10", "access_token.key_in_header")
    case("x5c", t(header=header | {"x5c": ["AAAA"]}), "RFC8725-3.10", "access_token.key_in_header")
    case("crit", t(header=header | {"crit": ["x"], "x": 1}), "RFC7515-4.1.11", refused + "criticalHeader")
    case("crit-b64", t(header=header | {"b64": False, "crit": ["b64"]}), "RFC7515-4.1.11", refused + "criticalHeader")
    case("typ-missing", t(header=without(header, "typ")), "RFC8725-3.11", "access_token.missing_type")
    for value in ["JWT", "AT+JWT", "wit+jwt", "dpop+jwt", ""]:
        case(f"typ-{value.replace('+', '-') or 'empty'}", t(header=header | {"typ": value}), "RFC8725-3.11",
             "access_token.unsupported_type")
    case("jwt-svid", token(key, {"alg": "ES256", "kid": "at-1", "typ": "JWT"}, {"sub": orders, "aud": [payments], "exp": now + 300}),
         "RFC8725-3.12", "access_token.unsupported_type", "a JWT-SVID is no access token, even of a key that is known")
    case("duplicate-header-member", t(header='{"alg":"ES256","kid":"at-1","typ":"at+jwt","typ":"at+jwt"}'), "RFC8725-2.4",
         refused + "malformedHeader")
    case("duplicate-claim", t(claims=text(claims)[:-1] + ',"scope":"admin"}'), "RFC8725-2.4", refused + "malformedPayload")
    case("padded", ".".join(part + "=" for part in parts), "RFC7515-2", refused + "headerEncoding")
    # The last character of 64 bytes carries four bits that mean nothing.
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    case("base64url-not-canonical", good[:-1] + last[last.index(good[-1]) | 1], "RFC7515-2", refused + "malformedSignature")
    case("base64-alphabet", t(header=header | {"x": "\u00ff\u00ff>?>?"}).replace("_", "/").replace("-", "+"), "RFC7515-2",
         refused + "headerEncoding")
    case("too-long", t(jti="x" * 16_384), "RFC8725-3.3", refused + "tooLong")
    case("not-utf8", ".".join([parts[0], b64url(text(claims).encode().replace(b"b3b1e7c0", b"\xff\xfe")), parts[2]]), "RFC8725-3.7",
         refused + "malformedPayload")
    case("payload-array", t(claims="[]"), "RFC7519-7.2", refused + "payloadNotObject")

    # RFC 9068: what the claims must be.
    for name_ in ["iss", "sub", "client_id", "aud", "exp", "iat", "jti"]:
        case(f"no-{name_.replace('_', '-')}", t(claims=without(claims, name_)), "RFC9068-2.2", "access_token.missing_claim")
    for name_, value in [("iss", 1), ("exp", "soon"), ("iat", -1), ("jti", ""), ("aud", [5]), ("cnf", "x"), ("nbf", True)]:
        case(f"{name_}-malformed", t(**{name_: value}), "RFC9068-2.2", "access_token.malformed_claim")
    case("jti-too-long", t(jti="x" * 2_049), "RFC9068-2.2", "access_token.malformed_claim")
    case("iss-other", t(iss="https://issuer.example.org/"), "RFC8725-3.8", "access_token.issuer_mismatch", "one slash more")
    case("aud-other", t(aud="spiffe://example.org/reports"), "RFC8725-3.9", "access_token.audience_mismatch", "for another service")
    case("aud-prefix", t(aud=payments + "/x"), "RFC8725-3.9", "access_token.audience_mismatch")
    case("aud-two", t(aud=[payments, "spiffe://example.org/reports"]), "RFC9068-4", "access_token.several_audiences")
    case("aud-none", t(aud=[]), "RFC9068-4", "access_token.missing_claim")
    case("sub-name", t(sub="orders", client_id="orders"), "RFC9068-2.2", "access_token.invalid_subject/spiffe_id.wrong_scheme")
    case("sub-other-trust-domain", t(sub="spiffe://foreign.test/orders", client_id="spiffe://foreign.test/orders"), "RFC8725-3.8",
         "access_token.subject_outside_trust_domains", peer="spiffe://foreign.test/orders")
    case("client-id-other", t(client_id="spiffe://example.org/other"), "RFC9068-2.2", "access_token.client_mismatch")
    case("expired-a-second-ago", t(iat=now - 601, exp=now - 1), "RFC9068-4", "access_token.expired")
    case("expires-now", t(iat=now - 600, exp=now), "RFC9068-4", "access_token.expired", "exp does not belong to the period")
    case("expires-in-a-second", t(iat=now - 599, exp=now + 1), "RFC9068-4", "accept")
    case("expired-within-leeway", t(iat=now - 601, exp=now - 1), "RFC9068-4", "accept", leeway_seconds=2)
    case("nbf-in-future", t(nbf=now + 1), "RFC7519-4.1.5", "access_token.not_yet_valid")
    case("iat-far-in-future", t(iat=now + 61, exp=now + 600), "RFC9068-2.2", "access_token.issued_in_future")
    case("iat-a-little-ahead", t(iat=now + 60, exp=now + 600), "RFC9068-2.2", "accept", "clocks are apart")
    case("lifetime-901", t(iat=now - 1, exp=now + 900), "RFC9068-2.2", "access_token.unacceptable_lifetime")
    case("lifetime-negative", t(iat=now + 30, exp=now + 20), "RFC9068-2.2", "access_token.unacceptable_lifetime")
    case("scope-array", t(scope=["payments:create"]), "RFC9068-2.2.3", "access_token.scope/scope.malformed_claim")
    case("scope-control-character", t(scope="payments:create\nadmin"), "RFC6749-3.3", "access_token.scope/scope.forbidden_byte")
    case("scope-two-spaces", t(scope="a  b"), "RFC6749-3.3", "access_token.scope/scope.empty")
    case("scope-contradiction", t(scopes=["admin"]), "RFC9068-2.2.3", "access_token.scope/scope.contradictory_claims")
    case("scope-missing", t(claims=without(claims, "scope")), "RFC6750-3.1", "access_token.insufficient_scope", all="payments:create")
    case("scope-all", good, "RFC6750-3.1", "accept", all="payments:create payments:read")
    case("scope-all-lacks-one", good, "RFC6750-3.1", "access_token.insufficient_scope", all="payments:create payments:refund")
    case("scope-any", good, "RFC6750-3.1", "accept", any="payments:refund payments:read")
    case("scope-any-lacks-all", good, "RFC6750-3.1", "access_token.insufficient_scope", any="payments:refund Payments:read")

    # RFC 8705 and the binding to the peer.
    case("other-peer", good, "RFC8705-3", "access_token.peer_mismatch", peer="spiffe://example.org/thief")
    case("other-certificate", t(cnf={"x5t#S256": b64url(thumbprint)}), "RFC8705-3", "access_token.certificate_mismatch")
    case("other-peer-same-certificate", t(cnf={"x5t#S256": b64url(thumbprint)}), "RFC8705-3", "access_token.peer_mismatch",
         peer="spiffe://example.org/thief", peer_certificate_sha256=thumbprint.hex())
    case("thumbprint-short", t(cnf={"x5t#S256": b64url(thumbprint[:31])}), "RFC8705-3", "access_token.malformed_claim")
    case("cnf-jkt", t(cnf={"jkt": b64url(thumbprint)}), "RFC7800-3.1", "access_token.unsupported_confirmation", "a DPoP token as Bearer")
    case("cnf-two-ways", t(cnf={"x5t#S256": b64url(thumbprint), "jkt": b64url(thumbprint)}), "RFC7800-3.1",
         "access_token.unsupported_confirmation", peer_certificate_sha256=thumbprint.hex())
    case("cnf-empty", t(cnf={}), "RFC7800-3.1", "access_token.unsupported_confirmation")

    # Revocation.
    def revocation(target, value, at=now - 30, until=now + 900):
        return [{target: value, "revoked_at": at, "expires_at": until}]

    for label, target, value in [("token", "jti", "b3b1e7c0"), ("subject", "spiffe_id", orders), ("certificate", "certificate_serial", "a1"),
                                 ("key", "kid", "at-1")]:
        case(f"revoked-{label}", good, "revocation", "access_token.revoked", revocations=revocation(target, value))
        case(f"revoked-{label}-expired", good, "revocation", "accept", "it is remembered for as long as it says",
             revocations=revocation(target, value, until=now))
    case("revoked-subject-later-token", good, "revocation", "accept", "issued after the revocation",
         revocations=revocation("spiffe_id", orders, at=now - 61))
    case("revoked-subject-same-second", good, "revocation", "access_token.revoked", revocations=revocation("spiffe_id", orders, at=now - 60))
    case("revoked-another", good, "revocation", "accept", revocations=revocation("jti", "b3b1e7c1"))


# --- addresses


def bundle_endpoint_urls():
    def case(folder, text, expect, rules="FED-22 FED-43", comment=""):
        expect = expect if expect == "accept" else "bundle_endpoint_url." + expect
        write("bundle-endpoint-url", folder, {"input.txt": text}, "SPIFFE Federation §5.2", rules, expect, comment, TEXT)

    case("plain", "https://example.org/bundle.json", "accept")
    case("port-and-query", "https://example.org:8443/bundle?td=a", "accept")
    case("ipv4", "https://127.0.0.1:8443/", "accept")
    case("ipv6", "https://[::1]:8443/", "accept")
    case("without-path", "https://example.org", "accept")
    case("longest", "https://example.org/" + "a" * 2028, "accept", comment="2048 bytes")
    case("too-long", "https://example.org/" + "a" * 2029, "too_long", comment="2049 bytes")
    case("space", "https://example.org/a b", "invalid_character")
    case("line-break", "https://example.org/a\n", "invalid_character")
    case("not-ascii", "https://ex\u00e4mple.org/a", "invalid_character")
    case("backslash", "https://example.org\\@foreign.test/", "invalid_character")
    case("empty", "", "not_https")
    case("http", "http://example.org/bundle.json", "not_https")
    case("scheme-missing", "example.org/bundle.json", "not_https")
    case("spiffe", "spiffe://example.org/bundle", "not_https")
    case("user", "https://user@example.org/", "has_user_information", "FED-23 FED-44")
    case("user-and-password", "https://user:password@example.org/", "has_user_information", "FED-23 FED-44")
    case("empty-user", "https://@example.org/", "has_user_information", "FED-23 FED-44")
    case("fragment", "https://example.org/#a", "has_fragment")
    case("empty-fragment", "https://example.org/#", "has_fragment")
    case("no-host", "https:///bundle.json", "invalid_host")
    case("wildcard", "https://*.example.org/", "invalid_host")
    case("number-as-host", "https://2130706433/", "invalid_host", comment="127.0.0.1 for some")
    case("ipv6-broken", "https://[::1/", "invalid_host")
    case("port-missing", "https://example.org:/", "invalid_port")
    case("port-zero", "https://example.org:0/", "invalid_port")
    case("port-too-large", "https://example.org:65536/", "invalid_port")
    case("port-signed", "https://example.org:+443/", "invalid_port")


def workload_api_addresses():
    def case(folder, text, expect, rules, comment="", **members):
        expect = expect if expect == "accept" else "workload_api_address." + expect
        write("workload-api-address", folder, {"input.txt": text}, "SPIFFE Workload Endpoint §4", rules, expect, comment, TEXT,
              **members)

    case("unix", "unix:///run/a.sock", "accept", "WEP-13", endpoint="unix:///run/a.sock")
    case("unix-one-slash", "unix:/run/a.sock", "accept", "WEP-13", endpoint="unix:///run/a.sock")
    case("unix-upper-case", "UNIX:///run/a.sock", "accept", "WEP-11 WEP-13", endpoint="unix:///run/a.sock")
    case("unix-escape", "unix:///run/a%20b.sock", "accept", "WEP-13", endpoint="unix:///run/a b.sock")
    case("tcp-ipv4", "tcp://127.0.0.1:8000", "accept", "WEP-15", endpoint="tcp://127.0.0.1:8000")
    case("tcp-ipv6", "tcp://[::1]:8000", "accept", "WEP-15", endpoint="tcp://[::1]:8000")
    case("empty", "", "not_configured", "WEP-10", "SPIFFE_ENDPOINT_SOCKET is set to nothing")
    case("path-alone", "/run/a.sock", "scheme_missing", "WEP-11")
    case("scheme-http", "http://127.0.0.1:80", "scheme_unsupported", "WEP-11")
    case("scheme-empty", ":///run/a.sock", "scheme_unsupported", "WEP-11")
    case("unix-authority", "unix://host/run/a.sock", "unix_authority", "WEP-12")
    case("unix-two-slashes", "unix://run", "unix_authority", "WEP-12", "a path with a slash too few")
    case("unix-relative", "unix:a.sock", "path_not_absolute", "WEP-13")
    case("unix-without-path", "unix://", "path_not_absolute", "WEP-13")
    case("unix-root", "unix:///", "path_not_absolute", "WEP-13")
    case("unix-longest", "unix:///" + "a" * 106, "accept", "WEP-13", "107 bytes", endpoint="unix:///" + "a" * 106)
    case("unix-too-long", "unix:///" + "a" * 107, "path_too_long", "WEP-13", "108 bytes")
    case("unix-broken-escape", "unix:///a%0", "path_encoding", "WEP-13")
    case("unix-zero-byte", "unix:///a%00b", "path_encoding", "WEP-13")
    case("unix-not-utf8", "unix:///a%ff", "path_encoding", "WEP-13")
    case("unix-query", "unix:///a?x", "query", "WEP-14")
    case("unix-fragment", "unix:///a#", "fragment", "WEP-14")
    case("tcp-name", "tcp://localhost:8000", "host_not_ip_address", "WEP-15")
    case("tcp-ipv4-in-brackets", "tcp://[127.0.0.1]:1", "host_not_ip_address", "WEP-15")
    case("tcp-three-numbers", "tcp://1.2.3:1", "host_not_ip_address", "WEP-15")
    case("tcp-zero-byte", "tcp://127.0.0.1\0x:80", "host_not_ip_address", "WEP-15", "the C library reads up to the zero")
    case("tcp-no-host", "tcp://:80", "host_missing", "WEP-15")
    case("tcp-opaque", "tcp:127.0.0.1:80", "host_missing", "WEP-15")
    case("tcp-no-port", "tcp://127.0.0.1", "port_missing", "WEP-16")
    case("tcp-empty-port", "tcp://127.0.0.1:", "port_missing", "WEP-16")
    case("tcp-port-zero", "tcp://127.0.0.1:0", "port_invalid", "WEP-16")
    case("tcp-port-too-large", "tcp://127.0.0.1:65536", "port_invalid", "WEP-16")
    case("tcp-port-signed", "tcp://127.0.0.1:+80", "port_invalid", "WEP-16")
    case("tcp-path", "tcp://127.0.0.1:80/", "tcp_path", "WEP-17")
    case("tcp-query", "tcp://127.0.0.1:80?x", "query", "WEP-17")
    case("tcp-user", "tcp://u:p@127.0.0.1:80", "user_information", "WEP-17")


# --- messages of the Workload API


def pb(*fields):
    """A protobuf message of length-delimited fields: number and content."""
    def varint(value):
        return bytes([value]) if value < 128 else bytes([value % 128 + 128]) + varint(value // 128)

    out = b""
    for field, content in fields:
        content = content.encode() if isinstance(content, str) else content
        out += varint(field * 8 + 2) + varint(len(content)) + content
    return out


def workload_api_messages():
    ca, stranger, key = CA(), CA(), p256()
    web, at = "spiffe://example.org/web", int(dt.datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    pkcs8 = lambda key: key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption())

    def case(folder, rpc, message, rules, expect="accept", comment="", **members):
        expect = expect if expect == "accept" else "workload_api_message." + expect
        write("workload-api-message", folder, {"message.bin": message}, "SPIFFE Workload API", rules, expect, comment, rpc=rpc,
              now=NOW, **members)

    # FetchX509SVID
    leaf = certificate(ca, key)

    def x509(id_=web, chain=der(leaf), private=pkcs8(key), bundle=der(ca.cert), hint="", more=()):
        return pb((1, pb((1, id_), (2, chain), (3, private), (4, bundle), (5, hint))), *more)

    x = "FetchX509SVID"
    case("x509", x, x509(), "WAPI-17")
    case("x509-two", x, x509() + x509(), "WAPI-70")
    case("x509-rubbish", x, b"HTTP/1.1 400 Bad Request", "WAPI-16", "undecodable")
    case("x509-half", x, x509()[:200], "WAPI-16", "undecodable", "the end is missing")
    case("x509-nothing", x, b"", "WAPI-23", "missing", "no bytes are a message without SVIDs")
    case("x509-no-id", x, x509(id_=""), "WAPI-16", "missing")
    case("x509-no-chain", x, x509(chain=b""), "WAPI-16", "missing")
    case("x509-no-key", x, x509(private=b""), "WAPI-16", "missing")
    case("x509-no-bundle", x, x509(bundle=b""), "WAPI-16", "missing")
    case("x509-hint-too-long", x, x509(hint="a" * 1025), "WAPI-71", "too_many", "1025 bytes")
    case("x509-many", x, b"\n\0" * 1001, "WAPI-16", "too_many", "1001 SVIDs")
    case("x509-id-malformed", x, x509(id_="https://example.org/web"), "WAPI-16", "malformed_id/spiffe_id.wrong_scheme")
    case("x509-chain-malformed", x, x509(chain=b"0\x03\x02\x01\0"), "WAPI-16",
         "malformed_x509_svid/x509_svid.malformed_certificate")
    case("x509-key-of-other", x, x509(private=pkcs8(p256())), "X509-49", "malformed_x509_svid/x509_svid.private_key_mismatch")
    late = certificate(ca, key, after=dt.datetime(2025, 12, 31, tzinfo=UTC))
    case("x509-expired", x, x509(chain=der(late)), "WAPI-16", "invalid_x509_svid/x509_svid.expired")
    case("x509-of-stranger", x, x509(bundle=der(stranger.cert)), "WAPI-16", "invalid_x509_svid/x509_svid.invalid_signature")
    case("x509-other-id", x, x509(id_="spiffe://example.org/other"), "WAPI-73", "spiffe_id_mismatch")
    case("x509-bundle-malformed", x, x509(bundle=b"0\x03\x02\x01\0"), "WAPI-16",
         "malformed_bundle/trust_bundle.malformed_certificate")
    federated = lambda name_, bundle: x509(more=[(3, pb((1, name_), (2, bundle)))])
    case("x509-federated", x, federated("spiffe://foreign.test", der(stranger.cert)), "WAPI-74")
    case("x509-federated-empty", x, federated("spiffe://foreign.test", b""), "WAPI-75")
    case("x509-federated-path", x, federated("spiffe://foreign.test/a", b""), "WAPI-74", "bundle_named_by_path")
    case("x509-federated-name", x, federated("foreign.test:80", b""), "WAPI-74", "malformed_id/spiffe_id.port")
    case("x509-two-bundles", x, federated("spiffe://example.org", der(stranger.cert)), "WAPI-22", "contradictory_bundles")

    # FetchJWTSVID
    def jwt(id_=web, value=None, hint=""):
        return pb((1, pb((1, id_), (2, token(key) if value is None else value), (3, hint))))

    j, asked = "FetchJWTSVID", {"audience": ["reports"]}
    case("jwt", j, jwt(), "WAPI-36", **asked)
    case("jwt-nothing", j, b"", "WAPI-38", "missing", **asked)
    case("jwt-no-token", j, jwt(value=""), "WAPI-16", "missing", **asked)
    case("jwt-malformed", j, jwt(value="a.b.c"), "WAPI-16", "malformed_jwt_svid/jwt_svid.token", **asked)
    case("jwt-expired", j, jwt(value=token(key, claims=CLAIMS | {"exp": at})), "WAPI-16", "malformed_jwt_svid/jwt_svid.expired", **asked)
    case("jwt-other-id", j, jwt(id_="spiffe://example.org/other"), "WAPI-73", "spiffe_id_mismatch", **asked)
    case("jwt-not-asked-for", j, jwt(), "WAPI-36", "unexpected_spiffe_id", spiffe_id="spiffe://example.org/other", **asked)
    case("jwt-other-audience", j, jwt(), "WAPI-35", "audience_mismatch", audience=["reports", "db"])

    # FetchJWTBundles, FetchX509Bundles, FetchWITBundles
    entry = lambda name_, content, field=1: pb((field, pb((1, name_), (2, content))))
    case("jwt-bundles", "FetchJWTBundles", entry("spiffe://example.org", '{"keys":[]}'), "WAPI-43")
    case("jwt-bundles-nothing", "FetchJWTBundles", b"", "WAPI-43", "missing")
    case("jwt-bundles-rubbish", "FetchJWTBundles", entry("spiffe://example.org", "{"), "WAPI-42",
         "malformed_bundle/trust_bundle.malformed_json")
    case("x509-bundles", "FetchX509Bundles", entry("spiffe://example.org", der(ca.cert), 2), "WAPI-30")
    case("x509-bundles-nothing", "FetchX509Bundles", b"", "WAPI-31", "missing")
    wit_key = p256()
    keys = json.dumps({"keys": [jwk(wit_key, use="wit-svid", kid="wit-1")]})
    case("wit-bundles", "FetchWITBundles", entry("spiffe://example.org", keys), "WAPI-65")
    case("wit-bundles-nothing", "FetchWITBundles", b"", "WAPI-65", "missing")

    # FetchWITSVID
    claims = {"sub": web, "exp": 4102444800, "cnf": {"jwk": jwk(key, alg="ES256")}}

    def wit(id_=web, value=None, private=None):
        value = token(wit_key, WIT_HEADER, claims) if value is None else value
        private = json.dumps(private_jwk(key)) if private is None else private
        return pb((1, pb((1, id_), (2, value), (3, private))))

    w = "FetchWITSVID"
    case("wit", w, wit(), "WAPI-58")
    case("wit-nothing", w, b"", "WAPI-58", "missing")
    case("wit-no-key", w, wit(private=""), "WAPI-69", "missing")
    case("wit-malformed", w, wit(value=token(wit_key, WIT_HEADER, without(claims, "cnf"))), "WAPI-69",
         "malformed_wit_svid/wit_svid.missing_confirmation")
    case("wit-key-public", w, wit(private=json.dumps(jwk(key))), "WAPI-69", "malformed_wit_svid/wit_svid.malformed_private_key")
    case("wit-expired", w, wit(value=token(wit_key, WIT_HEADER, claims | {"exp": at})), "WAPI-69", "malformed_wit_svid/wit_svid.expired")
    case("wit-not-asked-for", w, wit(), "WAPI-57", "unexpected_spiffe_id", spiffe_id="spiffe://example.org/other")

    # ValidateJWTSVID: google.protobuf.Struct is a map of values, 3 of which is a string
    validated = lambda id_, subject: pb((1, id_), (2, pb((1, pb((1, "sub"), (2, pb((3, subject))))))))
    v = "ValidateJWTSVID"
    case("validated", v, validated(web, web), "WAPI-51")
    case("validated-no-id", v, validated("", web), "WAPI-51", "missing")
    case("validated-no-claims", v, pb((1, web)), "WAPI-51", "missing")
    case("validated-other-subject", v, validated(web, "spiffe://example.org/other"), "WAPI-51", "malformed_claims")


if __name__ == "__main__":
    x509_peers()
    x509_own()
    spiffe_ids()
    jwt_svids()
    wit_svids()
    bundles()
    wit_bundles()
    access_tokens()
    bundle_endpoint_urls()
    workload_api_addresses()
    workload_api_messages()
