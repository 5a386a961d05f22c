"""What the library issues, judged by py-spiffe, cryptography, joserfc and PyJWT; and the same made by them and openssl.

    documents.py verify-wit FOLDER   bundle.json, wit and proof, for TARGET
    documents.py make-wit FOLDER     wit-bundle.json; wit-ALGORITHM, proof-ALGORITHM and key-ALGORITHM.json
    documents.py verify FOLDER   chain.der, key.der, roots.der, keys.json, bundle.json and token, for the audience db
    documents.py make FOLDER     MAKER-chain.der, MAKER-key.der, MAKER-roots.der; bundle.json and token-ALGORITHM
"""
import base64
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import time

import jwt as pyjwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey, import_key
from spiffe import JwtBundle, JwtSvid, TrustDomain, X509Bundle, X509Svid

AUDIENCE = "db"
DOMAIN = TrustDomain("example.org")
WEB = "spiffe://example.org/web"
# What a proof is for.
TARGET = "https://reports.example.org/a"


def verify(folder):
    svid = X509Svid.parse_raw((folder / "chain.der").read_bytes(), (folder / "key.der").read_bytes())
    roots = X509Bundle.parse_raw(DOMAIN, (folder / "roots.der").read_bytes()).x509_authorities
    (root,) = roots
    svid.leaf.verify_directly_issued_by(root)

    token = (folder / "token").read_text()
    checked = JwtSvid.parse_and_validate(token, JwtBundle.parse(DOMAIN, (folder / "keys.json").read_bytes()), {AUDIENCE})

    bundle = json.loads((folder / "bundle.json").read_text())
    entries = {use: [key for key in bundle["keys"] if key["use"] == use] for use in ("x509-svid", "jwt-svid")}
    ((entry,), (key,)) = entries["x509-svid"], entries["jwt-svid"]
    listed = x509.load_der_x509_certificate(base64.b64decode(entry["x5c"][0]))
    assert listed == root, "the bundle has another authority"
    public = {name: key[name] for name in ("kty", "crv", "x", "y")}
    claims = jwt.decode(token, import_key(public), algorithms=["ES256"]).claims
    assert claims == pyjwt.decode(token, pyjwt.PyJWK(key, algorithm="ES256").key, ["ES256"], audience=AUDIENCE)
    # The check can fail.
    other = ECKey.generate_key("P-256")
    try:
        jwt.decode(token, other, algorithms=["ES256"])
        raise SystemExit("a stranger's key verified the token")
    except Exception as error:
        assert "signature" in type(error).__name__.lower(), error
    print(json.dumps({"x509": str(svid.spiffe_id), "jwt": str(checked.spiffe_id), "sub": claims["sub"]}))


def verify_wit(folder):
    (entry,) = [key for key in json.loads((folder / "bundle.json").read_text())["keys"] if key["use"] == "wit-svid"]
    token, proof = (folder / "wit").read_text(), (folder / "proof").read_text()
    authority = import_key({name: entry[name] for name in ("kty", "crv", "x", "y")})
    wit = jwt.decode(token, authority, algorithms=["ES256"])
    assert wit.header == {"alg": "ES256", "kid": entry["kid"], "typ": "wit+jwt"}, wit.header
    bound = dict(wit.claims["cnf"]["jwk"])
    algorithm = bound.pop("alg")
    shown = jwt.decode(proof, import_key(bound), algorithms=[algorithm])
    assert shown.header == {"alg": algorithm, "typ": "wpt+jwt"}, shown.header
    assert shown.claims["aud"] == TARGET, shown.claims
    assert shown.claims["wth"] == hashed(token), shown.claims
    assert time.time() < shown.claims["exp"] <= time.time() + 60 and shown.claims["jti"], shown.claims
    # The check can fail.
    for text, curve, allowed in ((token, "P-256", "ES256"), (proof, bound["crv"], algorithm)):
        try:
            jwt.decode(text, ECKey.generate_key(curve), algorithms=[allowed])
            raise SystemExit("a stranger's key verified the token or the proof")
        except Exception as error:
            assert "signature" in type(error).__name__.lower(), error
    print(json.dumps({"sub": wit.claims["sub"], "alg": algorithm}))


def hashed(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def make_wit(folder):
    authority = ECKey.generate_key("P-256")
    (folder / "wit-bundle.json").write_text(
        json.dumps({"keys": [{**authority.as_dict(private=False), "use": "wit-svid", "kid": "w"}]}))
    keys = {
        "ES256": ECKey.generate_key("P-256"), "ES384": ECKey.generate_key("P-384"),
        "RS256": RSAKey.generate_key(2048), "PS512": RSAKey.generate_key(2048),
    }
    now = int(time.time())
    for algorithm, key in keys.items():
        public = {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}
        claims = {"sub": WEB, "exp": now + 300, "iat": now, "cnf": {"jwk": {**public, "alg": algorithm}}}
        token = jwt.encode({"alg": "ES256", "kid": "w", "typ": "wit+jwt"}, claims, authority, algorithms=["ES256"])
        proof = {"aud": TARGET, "exp": now + 30, "jti": f"of {algorithm}", "wth": hashed(token)}
        (folder / f"wit-{algorithm}").write_text(token)
        (folder / f"proof-{algorithm}").write_text(
            jwt.encode({"alg": algorithm, "typ": "wpt+jwt"}, proof, key, algorithms=[algorithm]))
        (folder / f"key-{algorithm}.json").write_text(json.dumps(key.as_dict(private=True)))


def der(key):
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def make_with_cryptography(folder):
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(name, uri, key, issuer, issuer_key, is_authority):
        usage = {name: False for name in (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")}
        usage["key_cert_sign" if is_authority else "digital_signature"] = True
        subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, name)])
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
            .sign(issuer_key, hashes.SHA256()))

    keys = [ec.generate_private_key(curve) for curve in (ec.SECP384R1(), ec.SECP256R1(), ec.SECP256R1())]
    root = certificate("root", "spiffe://example.org", keys[0], None, keys[0], True)
    intermediate = certificate("intermediate", "spiffe://example.org", keys[1], root.subject, keys[0], True)
    leaf = certificate("leaf", WEB, keys[2], intermediate.subject, keys[1], False)
    encoded = [each.public_bytes(serialization.Encoding.DER) for each in (leaf, intermediate, root)]
    (folder / "cryptography-chain.der").write_bytes(encoded[0] + encoded[1])
    (folder / "cryptography-key.der").write_bytes(der(keys[2]))
    (folder / "cryptography-roots.der").write_bytes(encoded[2])


def make_with_openssl(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def request(name, uri, *more):
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/O={name}",
            "-addext", f"subjectAltName=URI:{uri}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", *more)

    request("root", "spiffe://example.org", "-addext", "keyUsage=critical,keyCertSign")
    request(
        "leaf", WEB, "-CA", folder / "root.pem", "-CAkey", folder / "root.key", "-addext",
        "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature")
    openssl("x509", "-in", folder / "root.pem", "-outform", "DER", "-out", folder / "openssl-roots.der")
    openssl("x509", "-in", folder / "leaf.pem", "-outform", "DER", "-out", folder / "openssl-chain.der")
    openssl(
        "pkcs8", "-topk8", "-nocrypt", "-in", folder / "leaf.key", "-outform", "DER", "-out", folder / "openssl-key.der")


def make_with_joserfc(folder):
    made = {
        "ES256": ECKey.generate_key("P-256"), "ES384": ECKey.generate_key("P-384"),
        "RS256": RSAKey.generate_key(2048), "PS512": RSAKey.generate_key(2048),
    }
    entries = []
    for algorithm, key in made.items():
        entries.append({**key.as_dict(private=False), "use": "jwt-svid", "kid": algorithm})
        claims = {"sub": WEB, "aud": [AUDIENCE], "exp": int(time.time()) + 300}
        header = {"alg": algorithm, "kid": algorithm, "typ": "JWT"}
        (folder / f"token-{algorithm}").write_text(jwt.encode(header, claims, key, algorithms=[algorithm]))
    (folder / "bundle.json").write_text(json.dumps({"keys": entries}))


command, folder = sys.argv[1], pathlib.Path(sys.argv[2])
if command == "verify":
    verify(folder)
elif command == "verify-wit":
    verify_wit(folder)
elif command == "make-wit":
    make_wit(folder)
else:
    make_with_cryptography(folder)
    make_with_openssl(folder)
    make_with_joserfc(folder)
