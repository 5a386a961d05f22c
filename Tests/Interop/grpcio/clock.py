"""A wall clock that is set an hour forward and back under traffic.

    clock.py WORKLOAD-SOCKET SHIFT-FILE STEPS

STEPS are seconds, separated by commas: what the clocks of server and agent are shifted by, one after the other. After
each step the open stream must bring an X509-SVID that is valid by the clock as it is now, and all the while calls must
be answered, with tokens that are valid by that clock. Prints how long each took; exit code 1 when a call was refused,
a token was of another time, or no SVID came within 90 seconds.
"""
import base64
import json
import struct
import sys
import threading
import time

from cryptography import x509
from h2 import Connection, call, message_field

PATH, FILE, STEPS = sys.argv[1], sys.argv[2], [int(step) for step in sys.argv[3].split(",")]
FETCH_X509, FETCH_JWT = "/SpiffeWorkloadAPI/FetchX509SVID", "/SpiffeWorkloadAPI/FetchJWTSVID"
wrong, shift, over = [], 0, threading.Event()
calls = 0


def set_clock(seconds):
    global shift
    with open(FILE, "r+b") as file:
        file.write(struct.pack("q", seconds))
    shift = seconds


def leaf(response):
    """The leaf of the first SVID of an X509SVIDResponse."""
    chain = message_field(message_field(response, 1), 2)
    length = int.from_bytes(chain[2:4], "big") + 4
    return x509.load_der_x509_certificate(chain[:length])


def is_valid(certificate):
    now = time.time() + shift
    return certificate.not_valid_before_utc.timestamp() <= now < certificate.not_valid_after_utc.timestamp()


def traffic():
    """JWT-SVIDs: for a new audience, that no cache has, and for the same in turn."""
    global calls
    connection, number = Connection.unix(PATH), 0
    while not over.is_set():
        audience = f"a{number}".encode() if number % 2 else b"same"
        connection.send(call(2 * number + 1, FETCH_JWT, b"\x0a" + bytes([len(audience)]) + audience))
        before, answer, after = shift, connection.answer(2 * number + 1), shift
        number += 1
        calls += 1
        if answer is None:
            wrong.append(f"call {number} was not answered, {shift} s shifted")
            continue
        token = message_field(message_field(answer, 1), 2).decode()
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        now = time.time() + before
        # What was asked for before a step may come after it.
        if before == after and not claims["iat"] - 5 <= now <= claims["exp"]:
            wrong.append(f"call {number}: a token from {claims['iat'] - now:.0f} s to {claims['exp'] - now:.0f} s from now")


def main():
    end = time.monotonic() + 20
    first = None
    while first is None and time.monotonic() < end:
        # Refused until the registration has reached the agent.
        stream = Connection.unix(PATH, timeout=90)
        stream.send(call(1, FETCH_X509))
        first = stream.answer(1)
    certificate = leaf(first)
    if not is_valid(certificate):
        wrong.append("the first SVID is not valid")
    thread = threading.Thread(target=traffic, daemon=True)
    thread.start()
    for step in STEPS:
        began = time.monotonic()
        set_clock(step)
        try:
            while not is_valid(certificate):
                certificate = leaf(stream.answer(1))
            print(f"clock at {step} s: a valid X509-SVID after {time.monotonic() - began:.1f} s", flush=True)
        except (OSError, TypeError):
            wrong.append(f"clock at {step} s: no valid X509-SVID came")
    over.set()
    thread.join()
    print(f"{calls} calls meanwhile")
    for line in wrong[:20]:
        print("WRONG:", line)
    sys.exit(1 if wrong else 0)


main()
