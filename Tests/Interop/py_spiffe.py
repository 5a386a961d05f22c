"""py-spiffe, a Workload API client by others, against the agent's socket. Prints one JSON object.

    py_spiffe.py refused            the status code of a caller without an identity
    py_spiffe.py fetch AUDIENCE     everything the Workload API gives
    py_spiffe.py watch COUNT        the serials of COUNT updates of one watch
"""
import json
import os
import queue
import sys

import grpc
from spiffe import WorkloadApiClient
from spiffe.workloadapi.errors import WorkloadApiError


def status_of(error):
    """The gRPC status behind py-spiffe's error."""
    while error is not None:
        if isinstance(error, grpc.RpcError):
            return error.code().name
        error = error.__cause__ or error.__context__
    return None


def refused(client):
    for name, call in {
        "x509": client.fetch_x509_svid,
        "x509_bundles": client.fetch_x509_bundles,
        "jwt": lambda: client.fetch_jwt_svid(audience={"a"}),
        "jwt_bundles": client.fetch_jwt_bundles,
    }.items():
        try:
            call()
            yield name, "OK"
        except WorkloadApiError as error:
            yield name, status_of(error) or str(error)


def fetch(client, audience):
    svid = client.fetch_x509_svid()
    bundles = client.fetch_x509_bundles()
    token = client.fetch_jwt_svid(audience={audience})
    jwt_bundles = client.fetch_jwt_bundles()
    validated = client.validate_jwt_svid(token.token, audience)
    domain = svid.spiffe_id.trust_domain
    return {
        "x509": str(svid.spiffe_id),
        "chain": len(svid.cert_chain),
        "authorities": len(bundles.get_bundle_for_trust_domain(domain).x509_authorities),
        "jwt": str(token.spiffe_id),
        "token": token.token,
        "keys": sorted(jwt_bundles.get_bundle_for_trust_domain(domain).jwt_authorities),
        "validated": str(validated.spiffe_id),
    }


def watch(client, count):
    updates = queue.Queue()
    stream = client.stream_x509_contexts(updates.put, lambda error: updates.put(error))
    serials = []
    while len(serials) < count:
        update = updates.get(timeout=60)
        if isinstance(update, Exception):
            raise update
        serial = str(update.default_svid.leaf.serial_number)
        if serial not in serials:
            serials.append(serial)
    stream.cancel()
    return {"serials": serials}


client = WorkloadApiClient(os.environ["SPIFFE_ENDPOINT_SOCKET"])
command = sys.argv[1]
if command == "refused":
    result = dict(refused(client))
elif command == "fetch":
    result = fetch(client, sys.argv[2])
else:
    result = watch(client, int(sys.argv[2]))
print(json.dumps(result))
