"""Gets, validates, shows and revokes access tokens with OAuth and JOSE libraries by others. Exits 1 with what differs.

    oauth.py ISSUER FOLDER ALGORITHM

ALGORITHM is what the issuer signs with: ES256, ES384, RS256 or EdDSA. FOLDER has orders/ and payments/ with svid.pem, key.pem and bundle.pem each, and of orders two JWT-SVIDs: assertion.jwt
for the issuer, and elsewhere.jwt for somebody else.
"""
import base64
import hmac
import json
import os
import pathlib
import ssl
import sys
import time

import jwt
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_pem_x509_certificate
from joserfc import jwt as jose
from joserfc.jwk import KeySet
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests_oauthlib import OAuth2Session as RequestsSession

issuer, folder, algorithm = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
orders, payments = "spiffe://example.org/orders", "spiffe://example.org/payments"
assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
bundle = str(folder / "orders/bundle.pem")
wish = {"resource": payments, "scope": "payments:create"}
differences = []
# What this machine's user has set for the Web is not meant here, and requests puts it before what a session says.
for variable in list(os.environ):
    if variable.upper() in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") or variable.upper().endswith("_PROXY"):
        del os.environ[variable]


def same(what, found, expected):
    if found != expected:
        differences.append(f"{what}: found {found!r}, expected {expected!r}")


def certificate(name):
    return str(folder / name / "svid.pem"), str(folder / name / "key.pem")


def assertion(name="assertion"):
    return {
        "client_assertion_type": assertion_type,
        "client_assertion": (folder / f"{name}.jwt").read_text().strip(),
    }


# Metadata (RFC 8414 §3.3: the issuer must be the one that was asked).
metadata = requests.get(f"{issuer}/.well-known/oauth-authorization-server", verify=bundle, timeout=10).json()
same("issuer", metadata["issuer"], issuer)
same(
    "openid-configuration",
    requests.get(f"{issuer}/.well-known/openid-configuration", verify=bundle, timeout=10).json(),
    metadata,
)
token_endpoint = metadata["token_endpoint"]


def authlib(name=None):
    """A session of authlib, with a certificate or with an assertion in its place."""
    session = AuthlibSession(client_id=f"spiffe://example.org/{name or 'orders'}", token_endpoint_auth_method="none")
    session.verify = bundle
    if name:
        session.cert = certificate(name)
    return session


def requests_oauthlib(name=None, **more):
    client = BackendApplicationClient(client_id=orders, scope=more.pop("scope", wish["scope"]))
    session = RequestsSession(client=client)
    return session.fetch_token(
        token_endpoint,
        include_client_id=True,
        verify=bundle,
        cert=certificate(name) if name else None,
        **{**{"resource": payments}, **more},
    )


tokens = {
    "authlib, spiffe_x509": authlib("orders").fetch_token(token_endpoint, grant_type="client_credentials", **wish),
    "authlib, spiffe_jwt": authlib().fetch_token(
        token_endpoint, grant_type="client_credentials", **wish, **assertion()
    ),
    "requests-oauthlib, spiffe_x509": requests_oauthlib("orders"),
    "requests-oauthlib, spiffe_jwt": requests_oauthlib(**assertion()),
}

# Validation, from the metadata alone.
trusted = ssl.create_default_context(cafile=bundle)
signing_keys = jwt.PyJWKClient(metadata["jwks_uri"], ssl_context=trusted)
document = requests.get(metadata["jwks_uri"], verify=bundle, timeout=10).json()
key_set = KeySet.import_key_set(document)
identifiers = set()
same("the algorithm, in metadata", metadata["id_token_signing_alg_values_supported"], [algorithm])
same("the algorithm, in the key set", {key.get("alg", algorithm) for key in document["keys"]}, {algorithm})
for name, response in tokens.items():
    token = response["access_token"]
    same(f"{name}: token_type", response["token_type"], "Bearer")
    same(f"{name}: expires_in", response["expires_in"], 600)
    same(f"{name}: refresh token", response.get("refresh_token"), None)
    header = jwt.get_unverified_header(token)
    same(f"{name}: header", {**header, "kid": None}, {"alg": algorithm, "kid": None, "typ": "at+jwt"})
    claims = jwt.decode(
        token,
        signing_keys.get_signing_key_from_jwt(token).key,
        algorithms=[algorithm],
        audience=payments,
        issuer=issuer,
        options={"require": ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]},
    )
    decoded = jose.decode(token, key_set, algorithms=[algorithm])
    jose.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": payments},
        exp={"essential": True},
    ).validate(decoded.claims)
    same(f"{name}: PyJWT and joserfc", claims, decoded.claims)
    same(f"{name}: sub, client_id", (claims["sub"], claims["client_id"]), (orders, orders))
    same(f"{name}: scope", claims["scope"], "payments:create")
    identifiers.add(claims["jti"])
same("every token has its own jti", len(identifiers), len(tokens))
others = {"ES256", "RS256", "EdDSA"} - {algorithm}
try:
    jwt.decode(token, signing_keys.get_signing_key_from_jwt(token).key, algorithms=list(others), audience=payments)
    differences.append("accepted as another algorithm")
except jwt.InvalidTokenError:
    pass
for other in ({"audience": orders}, {"issuer": "https://other.example.org"}):
    try:
        jwt.decode(
            token,
            signing_keys.get_signing_key_from_jwt(token).key,
            algorithms=[algorithm],
            **{**{"audience": payments, "issuer": issuer}, **other},
        )
        differences.append(f"accepted with another {other}")
    except jwt.InvalidTokenError:
        pass


# Refusals, as the libraries see them.
def refused(what, expected, request):
    try:
        request()
        differences.append(f"{what}: got a token")
    except OAuth2Error as error:
        same(what, error.error, expected)


refused("another scope", "invalid_scope", lambda: requests_oauthlib("orders", scope="payments:refund"))
refused("another resource", "invalid_target", lambda: requests_oauthlib("orders", resource=orders))
refused("an assertion for somebody else", "invalid_client", lambda: requests_oauthlib(**assertion("elsewhere")))
refused("no authentication", "invalid_client", lambda: requests_oauthlib())
refused("another's certificate", "invalid_client", lambda: requests_oauthlib("payments"))
secret = requests.post(
    token_endpoint, auth=("orders", "secret"), data={"grant_type": "client_credentials"}, verify=bundle, timeout=10
)
same("a client secret", (secret.status_code, secret.json()["error"]), (401, "invalid_client"))

# Introspection and revocation.
service = authlib("payments")


def shown(text):
    return service.introspect_token(
        metadata["introspection_endpoint"], token=text, token_type_hint="access_token"
    ).json()


token = tokens["authlib, spiffe_x509"]["access_token"]
claims = jwt.decode(token, options={"verify_signature": False})
same("introspection", shown(token), {"active": True, "token_type": "Bearer", **claims})
revocation = authlib("orders").revoke_token(
    metadata["revocation_endpoint"], token=token, token_type_hint="access_token"
)
same("revocation", revocation.status_code, 200)
same("introspection of what is revoked", shown(token), {"active": False})
token = tokens["requests-oauthlib, spiffe_x509"]["access_token"]
same("introspection of another", shown(token)["active"], True)

# Tokens that are made in wrong ways: inactive as access tokens, and no client as assertions.
own_key = ec.generate_private_key(ec.SECP256R1())
kid = document["keys"][0]["kid"]
own_jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(own_key.public_key()))
header = {"typ": "at+jwt", "kid": kid}
good = {**jwt.decode(token, options={"verify_signature": False}), "exp": int(time.time()) + 300}
public_pem = key_set.keys[0].as_pem(private=False)


def encoded(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def part(value):
    return encoded(json.dumps(value).encode())


pieces = token.split(".")
hmac_input = part({"alg": "HS256", **header}) + "." + part(good)
wrong = {
    "alg none": jwt.encode(good, None, algorithm="none", headers=header),
    # By hand: both libraries refuse to make one.
    "HMAC with the public key": hmac_input + "." + encoded(hmac.digest(public_pem, hmac_input.encode(), "sha256")),
    "a key of one's own under the issuer's kid": jwt.encode(good, own_key, algorithm="ES256", headers=header),
    "a key of one's own in the header": jwt.encode(good, own_key, algorithm="ES256", headers={**header, "jwk": own_jwk}),
    "an X509-SVID's key": jwt.encode(
        good,
        serialization.load_pem_private_key((folder / "orders/key.pem").read_bytes(), None),
        algorithm="ES256",
        headers=header,
    ),
    "a JWT-SVID": (folder / "assertion.jwt").read_text().strip(),
    "other claims under a good signature": ".".join([pieces[0], part({**good, "sub": payments}), pieces[2]]),
    "another header under a good signature": ".".join(
        [part({"alg": algorithm, "typ": "JWT", "kid": kid}), pieces[1], pieces[2]]
    ),
    "a signature with padding": token + "=",
    "two tokens": f"{token} {token}",
}
for what, text in wrong.items():
    same(f"{what}: introspection", shown(text), {"active": False})
    if what == "a JWT-SVID":
        continue
    refused(
        f"{what}: as an assertion",
        "invalid_client",
        lambda: requests_oauthlib(client_assertion_type=assertion_type, client_assertion=text),
    )

# A service whose tokens are bound to the certificate at the token endpoint (RFC 8705 §3.1).
bound = requests_oauthlib("orders", resource="spiffe://example.org/vault", scope="vault:open")["access_token"]
der_hash = load_pem_x509_certificate((folder / "orders/svid.pem").read_bytes()).fingerprint(hashes.SHA256())
same(
    "cnf",
    jwt.decode(bound, options={"verify_signature": False})["cnf"],
    {"x5t#S256": encoded(der_hash)},
)
refused(
    "a bound token without a certificate",
    "invalid_request",
    lambda: requests_oauthlib(resource="spiffe://example.org/vault", scope="vault:open", **assertion()),
)

for difference in differences:
    print(difference)
sys.exit(1 if differences else 0)
