"""Gets access tokens over HTTPS and calls a service with them, while the keys that sign them rotate, until SIGTERM.

    rotation.py TOKEN_ENDPOINT JWK_SET SERVICE ISSUER CALLER AUDIENCE FOLDER

The first three are https URLs, the service's that of a GET. FOLDER has svid.pem, key.pem and bundle.pem of the caller.
Prints `published KID` when a key is seen in the JWK Set and `signs KID` when it is first seen in a token, at the end one
line of JSON. Exits 1 with what differs from what has to be.
"""
import http.client
import json
import pathlib
import signal
import ssl
import sys
import time
import urllib.parse

import jwt

token_endpoint, jwk_set, service, issuer, caller, audience = sys.argv[1:7]
folder = pathlib.Path(sys.argv[7])
# A key is in the JWK Set for a third of its life before it signs: at the very least for this long.
published_before_use = 1_200
# How far a clock may be set while a call is under way.
longest_step = 150

context = ssl.create_default_context(cafile=str(folder / "bundle.pem"))
context.load_cert_chain(folder / "svid.pem", folder / "key.pem")
# The service has a SPIFFE ID, and no name.
context.check_hostname = False
form = urllib.parse.urlencode(
    {"grant_type": "client_credentials", "client_id": caller, "resource": audience, "scope": "payments:read"}
)
connections = {}
differences = []
ended = False


def end(number, frame):
    global ended
    ended = True


def ask(method, url, body=None, **headers):
    """The status and the body of an answer. A kept connection that the server has closed is opened again."""
    parts = urllib.parse.urlsplit(url)
    for attempt in range(2):
        if parts.netloc not in connections:
            connections[parts.netloc] = http.client.HTTPSConnection(parts.netloc, context=context, timeout=10)
        connection = connections[parts.netloc]
        is_new = connection.sock is None
        try:
            connection.request(method, parts.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (http.client.HTTPException, OSError):
            connection.close()
            if is_new or attempt:
                raise


def differs(what):
    if len(differences) < 20:
        differences.append(what)
        print(f"differs: {what}", flush=True)


def key_identifier(token):
    return jwt.get_unverified_header(token)["kid"]


def call(token):
    """Calls the service, which has to accept the token."""
    status, body = ask("GET", service, Authorization=f"Bearer {token}")
    if status != 200:
        differs(f"the service answered {status} {body!r} to a token of {key_identifier(token)}")


signal.signal(signal.SIGTERM, end)
published, signed, kept = {}, {}, []
calls, calls_by_older_keys, tokens = 0, 0, 0
while not ended:
    now = time.time()
    status, body = ask("GET", jwk_set)
    if status != 200:
        differs(f"the JWK Set was answered {status}")
        continue
    for key in json.loads(body)["keys"]:
        if key["kid"] not in published:
            published[key["kid"]] = (now, jwt.PyJWK(key))
            print(f"published {key['kid']}", flush=True)

    status, body = ask("POST", token_endpoint, form, **{"Content-Type": "application/x-www-form-urlencoded"})
    if status != 200:
        differs(f"the token endpoint answered {status} {body!r}")
        continue
    token = json.loads(body)["access_token"]
    tokens += 1
    identifier = key_identifier(token)
    if identifier not in published:
        differs(f"{identifier} signs and was not published before")
        continue
    since, key = published[identifier]
    if identifier not in signed:
        # The first key is as old as the server.
        if signed and now - since < published_before_use:
            differs(f"{identifier} signs after {now - since:.0f} s in the JWK Set")
        signed[identifier] = now
        print(f"signs {identifier}", flush=True)
    try:
        claims = jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=issuer)
        kept.append((claims["exp"], token))
    except jwt.InvalidTokenError as error:
        differs(f"PyJWT does not accept a token of {identifier}: {error}")

    kept = [(expiry, old) for expiry, old in kept if expiry > time.time() + longest_step]
    call(token)
    calls += 1
    # The oldest that lives: after a rotation one by the key before.
    if kept:
        calls_by_older_keys += key_identifier(kept[0][1]) != identifier
        call(kept[0][1])
        calls += 1
    time.sleep(0.05)

print(
    json.dumps(
        {
            "calls": calls,
            "calls_by_older_keys": calls_by_older_keys,
            "differences": differences,
            "keys": len(signed),
            "tokens": tokens,
        }
    ),
    flush=True,
)
sys.exit(1 if differences else 0)
