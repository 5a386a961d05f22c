"""Gets access tokens over HTTPS and calls a service with them, while the keys that sign them rotate twice.

    rotation.py TOKEN_ENDPOINT JWK_SET SERVICE ISSUER CALLER AUDIENCE FOLDER

The first three are https URLs; a GET of the service accepts a state that is fifteen minutes old, a POST none that is old.
FOLDER has svid.pem, key.pem and bundle.pem of the caller. Keys live 90 minutes by the clock, which the script sets: the
file CLOCK_SHIFT_FILE says how far it is ahead. Prints one line of JSON. Exits 1 with what differs from what has to be.
"""
import http.client
import json
import os
import pathlib
import ssl
import sys
import time
import urllib.parse

import jwt

token_endpoint, jwk_set, service, issuer, caller, audience = sys.argv[1:7]
folder = pathlib.Path(sys.argv[7])
# A key is in the JWK Set for a third of its life before it signs: at the very least for this long.
published_before_use = 1_200
# How far the clock is set at once: by less than the minute before its end in which nobody calls with a token that could
# be replaced, so that none ends while a call with it is under way.
step = 50
# Ten minutes beyond the second rotation, so that everybody's token is by the last key.
steps = 168
# How many keys there are to be before the clock goes on, by the number of the step: the next one is published after 45
# minutes, and signs after 75.
published_by = {56: 2, 112: 3}
signing_by = {92: 2, 148: 3}

context = ssl.create_default_context(cafile=str(folder / "bundle.pem"))
context.load_cert_chain(folder / "svid.pem", folder / "key.pem")
# The service has a SPIFFE ID, and no name.
context.check_hostname = False
form = urllib.parse.urlencode(
    {"grant_type": "client_credentials", "client_id": caller, "resource": audience}
)
connections = {}
differences = []
published, signed, kept = {}, {}, []
calls, calls_by_older_keys, tokens = 0, 0, 0


def set_clock(seconds):
    """In place: the programs have the file in memory."""
    with open(os.environ["CLOCK_SHIFT_FILE"], "r+b") as file:
        file.write(seconds.to_bytes(8, "little", signed=True))


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


def key_identifier(token):
    return jwt.get_unverified_header(token)["kid"]


def call(token):
    """Calls the service, which has to accept the token."""
    status, body = ask("GET", service, Authorization=f"Bearer {token}")
    if status != 200:
        differs(f"the service answered {status} {body!r} to a token of {key_identifier(token)}")


def round():
    """Looks at the keys, gets a token, calls with it and with the oldest that lives, and returns it."""
    global kept, calls, calls_by_older_keys, tokens
    now = time.time()
    status, body = ask("GET", jwk_set)
    if status != 200:
        return differs(f"the JWK Set was answered {status}")
    for key in json.loads(body)["keys"]:
        if key["kid"] not in published:
            published[key["kid"]] = (now, jwt.PyJWK(key))

    status, body = ask("POST", token_endpoint, form, **{"Content-Type": "application/x-www-form-urlencoded"})
    if status != 200:
        return differs(f"the token endpoint answered {status} {body!r}")
    token = json.loads(body)["access_token"]
    tokens += 1
    identifier = key_identifier(token)
    if identifier not in published:
        return differs(f"{identifier} signs and was not published before")
    since, key = published[identifier]
    if identifier not in signed:
        # The first key is as old as the server.
        if signed and now - since < published_before_use:
            differs(f"{identifier} signs after {now - since:.0f} s in the JWK Set")
        signed[identifier] = now
    try:
        claims = jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=issuer)
        kept.append((claims["exp"], token))
    except jwt.InvalidTokenError as error:
        differs(f"PyJWT does not accept a token of {identifier}: {error}")

    kept = [(expiry, old) for expiry, old in kept if expiry > time.time() + 5]
    # After a rotation the oldest is by the key before.
    for token in (token, *(old for _, old in kept[:1])):
        calls += 1
        calls_by_older_keys += key_identifier(token) != identifier
        call(token)
    return token


def rounds_until(what, is_so):
    end = time.monotonic() + 30
    while not is_so():
        token = round()
        if time.monotonic() > end:
            return differs(f"not within 30 s: {what}")


round()
for number in range(1, steps + 1):
    set_clock(number * step)
    for _ in range(2):
        token = round()
    if number in published_by:
        rounds_until("the next key is published", lambda: len(published) >= published_by[number])
    if number in signing_by:
        rounds_until("the next key signs", lambda: len(signed) >= signing_by[number])
    # The state of revocations comes every five seconds however fast the clock goes. When it has come, a call passes that
    # accepts none that is old.
    if number % 10 == 0 and token:
        rounds_until("the state is new", lambda: ask("POST", service, Authorization=f"Bearer {token}")[0] == 200)

print(
    json.dumps(
        {
            "calls": calls,
            "calls_by_older_keys": calls_by_older_keys,
            "differences": differences,
            "keys": len(signed),
            "tokens": tokens,
        }
    )
)
sys.exit(1 if differences else 0)
