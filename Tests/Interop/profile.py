"""Compares documents that Signet issued with pki/profiles, by other people's parsers. Exits 1 with what differs.

    profile.py x509 PROFILE CERTIFICATE.pem AUTHORITY.pem SPIFFE_ID LIFETIME [DNS_NAME...]
    profile.py jwt  PROFILE TOKEN KEY_ID SPIFFE_ID LIFETIME AUDIENCE
"""
import base64
import json
import pathlib
import re
import sys

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

PROFILES = pathlib.Path(__file__).resolve().parents[2] / "pki" / "profiles"
differences = []


def same(what, found, expected):
    if found != expected:
        differences.append(f"{what}: found {found!r}, expected {expected!r}")


def key_sha1(certificate):
    """SHA-1 of the bits of the public key (RFC 5280 §4.2.1.2)."""
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest.hex()


def compare_certificate(profile, certificate, authority, spiffe_id, lifetime, dns_names):
    same("version", certificate.version.value + 1, profile["version"])
    bits = profile["serialNumber"]
    serial = certificate.serial_number
    same("serial number", bits["minBits"] <= serial.bit_length() <= bits["maxBits"], True)
    same(
        "signature algorithm",
        certificate.signature_algorithm_oid.dotted_string,
        profile["signatureAlgorithms"]["ec-p256"],
    )
    same("issuer", certificate.issuer, authority.subject)

    known = {"{serialNumber}": str(serial), "{firstDNSName}": dns_names[0] if dns_names else None}
    names = [(part["oid"], known.get(part["is"], part["is"])) for part in profile["subject"]]
    found = [(name.oid.dotted_string, name.value) for name in certificate.subject]
    same("subject", found, [name for name in names if name[1] is not None])

    issued_at = certificate.not_valid_before_utc.timestamp() - profile["notBefore"]["seconds"]
    until = min(issued_at + lifetime, authority.not_valid_after_utc.timestamp())
    same("notAfter", certificate.not_valid_after_utc.timestamp(), until)

    variables = {"{subjectKeySHA1}": key_sha1(certificate), "{authorityKeySHA1}": key_sha1(authority)}
    extensions = list(certificate.extensions)
    same("extensions", [e.oid.dotted_string for e in extensions], [e["oid"] for e in profile["extensions"]])
    for extension, expected in zip(extensions, profile["extensions"]):
        name = expected["name"]
        same(f"{name} critical", extension.critical, expected["critical"])
        if extension.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME:
            alternatives = [(type(general).__name__, general.value) for general in extension.value]
            wanted = [("DNSName", dns) for dns in dns_names] + [("UniformResourceIdentifier", spiffe_id)]
            same(name, alternatives, wanted)
        else:
            der = expected["der"]
            for variable, value in variables.items():
                der = der.replace(variable, value)
            same(name, extension.value.public_bytes().hex(), der)


def compare_token(profile, token, key_id, spiffe_id, lifetime, audience):
    same("compact", bool(re.match(profile["compact"], token)), True)
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=list)
        for part in token.split(".")[:2]
    )
    algorithm = profile["algorithms"]["ec-p256"]
    same("header", header, [("alg", algorithm), ("kid", key_id), ("typ", "JWT")])
    required = [member["name"] for member in profile["claims"] if "when" not in member]
    same("claims", [name for name, _ in claims], required)
    values = dict(claims)
    same("sub", values["sub"], spiffe_id)
    same("aud", values["aud"], [audience])
    same("exp", values["exp"], values["iat"] + lifetime)
    same("integers", all(isinstance(values[name], int) for name in ("exp", "iat")), True)


kind, name = sys.argv[1:3]
profile = json.loads((PROFILES / f"{name}.json").read_text())
if kind == "x509":
    certificate, authority = (x509.load_pem_x509_certificate(pathlib.Path(p).read_bytes()) for p in sys.argv[3:5])
    compare_certificate(profile, certificate, authority, sys.argv[5], int(sys.argv[6]), sys.argv[7:])
else:
    compare_token(profile, sys.argv[3], sys.argv[4], sys.argv[5], int(sys.argv[6]), sys.argv[7])
for difference in differences:
    print(difference)
sys.exit(1 if differences else 0)
