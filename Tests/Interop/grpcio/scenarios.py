"""Every RPC of the server's API, called by grpcio with stubs that are made from the table in wire.py.

    scenarios.py SCENARIO SOCKET PORT FOLDER

Prints what failed, a line each, and how much was checked; exit code 0 or 1. Where a listing can be worked out, it is:
expected is what a few lines of set arithmetic say, for every combination there is.
"""
import base64
import itertools
import json
import sys
import threading

from checks import Checks
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from deployment import (SERVER_ID, TRUST_DOMAIN, Deployment, Identity, attestation, csr, new_key, selectors, spiffe_id)
from google.protobuf import descriptor_pb2
from wire import SCALARS, code, grpc, message_class, table, types

MODES = ("MATCH_EXACT", "MATCH_SUBSET", "MATCH_SUPERSET", "MATCH_ANY")


def matches(mode, have, want):
    """What the four modes of a filter mean; what has nothing matches no filter."""
    return have and {"MATCH_EXACT": have == want, "MATCH_SUBSET": have <= want, "MATCH_SUPERSET": have >= want,
                     "MATCH_ANY": bool(have & want)}[mode]


def subsets(things):
    return [set(some) for size in range(1, len(things) + 1) for some in itertools.combinations(things, size)]


def pages(call, field, **request):
    """Everything that a paged listing gives, and the sizes of its pages."""
    found, sizes, token = [], [], ""
    while True:
        page = call(page_token=token, **request)
        found += getattr(page, field)
        sizes.append(len(getattr(page, field)))
        token = page.next_page_token
        if not token:
            return found, sizes


def masked(message, *fields):
    """A copy with its first field, which names it, and these."""
    copy = type(message)()
    copy.CopyFrom(message)
    for field in copy.DESCRIPTOR.fields:
        if field.number != 1 and field.name not in fields:
            copy.ClearField(field.name)
    return copy


def mask_fields(name):
    return [field.name for field in message_class("spire.api.types." + name).DESCRIPTOR.fields]


def listing(c, d):
    """ListEntries and CountEntries: every filter, every mode with every set of selectors, pages of every size."""
    entries = {}
    hints = ("", "one", "two")
    for number, some in enumerate(subsets("abcd")):
        hint = hints[number % 3]
        parent = "/node/even" if number % 2 == 0 else "/node/odd"
        entry = d.create(f"/listed/{number % 5}", parent, [f"t:{one}" for one in sorted(some)], hint=hint)
        entries[entry.id] = (some, hint, parent, f"/listed/{number % 5}")
    order = [entry.id for entry in d.local.ListEntries().entries]
    c.equal("all are listed, in the order they were made", order, list(entries))

    def check(name, filter_fields, fits):
        want = [one for one in entries if fits(*entries[one])]
        got = [entry.id for entry in d.local.ListEntries(filter=filter_fields).entries]
        c.equal("list, " + name, got, want)
        c.equal("count, " + name, d.local.CountEntries(filter=filter_fields).count, len(want))

    for mode in MODES:
        for some in subsets("abcde"):
            text = [f"t:{one}" for one in sorted(some, reverse=True)]
            check(f"selectors {mode} {sorted(some)}",
                  {"by_selectors": types("SelectorMatch", selectors=selectors(*text), match=mode)},
                  lambda have, hint, parent, path: matches(mode, have, some))
    for path in ("/listed/0", "/listed/4", "/listed/9"):
        check("SPIFFE ID " + path, {"by_spiffe_id": spiffe_id(path)}, lambda s, h, p, own: own == path)
    for wanted in ("/node/even", "/node/odd", "/node/none"):
        check("parent " + wanted, {"by_parent_id": spiffe_id(wanted)}, lambda s, h, parent, p: parent == wanted)
    for wanted in ("one", "two", "three"):
        check("hint " + wanted, {"by_hint": {"value": wanted}}, lambda s, hint, *_: hint == wanted)
    check("hint that is empty filters nothing", {"by_hint": {"value": ""}}, lambda *_: True)
    check("downstream", {"by_downstream": {"value": True}}, lambda *_: False)
    check("not downstream", {"by_downstream": {"value": False}}, lambda *_: True)
    for mode in MODES:
        check(f"federates with {mode}", {"by_federates_with": {"trust_domains": ["other.org"], "match": mode}},
              lambda *_: False)
    check("everything at once",
          {"by_selectors": types("SelectorMatch", selectors=selectors("t:a"), match="MATCH_SUPERSET"),
           "by_parent_id": spiffe_id("/node/even"), "by_hint": {"value": "one"}},
          lambda have, hint, parent, path: "a" in have and parent == "/node/even" and hint == "one")

    for size in range(1, len(order) + 2):
        found, sizes = pages(d.local.ListEntries, "entries", page_size=size)
        c.equal(f"pages of {size} have everything once", [entry.id for entry in found], order)
        c.true(f"pages of {size} are full but for the last", all(one == size for one in sizes[:-1]))
    some = {"by_hint": {"value": "two"}}
    found, _ = pages(d.local.ListEntries, "entries", page_size=2, filter=some)
    c.equal("pages of a filter", [entry.id for entry in found], [one for one in order if entries[one][1] == "two"])
    # What is removed between two pages costs no one else its place.
    first = d.local.ListEntries(page_size=4)
    d.local.BatchDeleteEntry(ids=[order[3], order[5]])
    rest, _ = pages(lambda page_token, **more: d.local.ListEntries(
        page_token=page_token or first.next_page_token, **more), "entries", page_size=4)
    c.equal("a page after removals", [entry.id for entry in rest], [order[4]] + order[6:])
    c.refused("page size below zero", lambda: d.local.ListEntries(page_size=-1), "INVALID_ARGUMENT")
    for name, wrong in {
        "no selectors": {"by_selectors": types("SelectorMatch")},
        "a selector without value": {"by_selectors": {"selectors": selectors("t:")}},
        "a SPIFFE ID of another trust domain": {"by_spiffe_id": spiffe_id("/a", "elsewhere.org")},
        "a parent without path": {"by_parent_id": spiffe_id("no-slash")},
        "no trust domains": {"by_federates_with": types("FederatesWithMatch")},
    }.items():
        c.refused("list refuses " + name, lambda: d.local.ListEntries(filter=wrong), "INVALID_ARGUMENT")
        c.refused("count refuses " + name, lambda: d.local.CountEntries(filter=wrong), "INVALID_ARGUMENT")


def masks(c, d):
    """Output and input masks, every field of every one."""
    full = {"x509_svid_ttl": 1000, "jwt_svid_ttl": 200, "admin": True, "expires_at": 4_000_000_000, "hint": "h",
            "dns_names": ["a.example.org"], "additional_attributes": {"jwt_svid_include_jti": True}}
    fields = mask_fields("EntryMask")
    c.equal("as many fields as the API has", len(fields), 15)
    entry = d.create("/masked", texts=("a:1", "a:2"), **full)
    for number, field in enumerate([None] + fields):
        mask = types("EntryMask", **({field: True} if field else {}))
        c.equal(f"get {field}", d.local.GetEntry(id=entry.id, output_mask=mask), masked(entry, field))
        c.equal(f"list {field}", list(d.local.ListEntries(output_mask=mask).entries)[0], masked(entry, field))
        other = types("Entry", spiffe_id=spiffe_id(f"/made/{number}"), parent_id=spiffe_id("/node"),
                      selectors=selectors("a:1"), **full)
        made, = d.local.BatchCreateEntry(entries=[other], output_mask=mask).results
        c.equal(f"create {field}", made.entry, masked(d.local.GetEntry(id=made.entry.id), field))

    # Each field alone by the input mask: it changes, and the revision, and nothing else.
    change = types("Entry", id=entry.id, spiffe_id=spiffe_id("/changed"), parent_id=spiffe_id("/other"),
                   selectors=selectors("b:1"), x509_svid_ttl=7, jwt_svid_ttl=6, expires_at=4_100_000_000,
                   dns_names=["b.example.org"], hint="i", revision_number=99, created_at=12)
    kept = {"revision_number", "created_at", "downstream", "store_svid", "federates_with"}
    for field in fields:
        want = d.local.GetEntry(id=entry.id)
        want.revision_number += 1
        if field not in kept:
            want.ClearField(field)
            want.MergeFrom(masked(change, field))
        result, = d.local.BatchUpdateEntry(entries=[change], input_mask={field: True}).results
        c.equal(f"update {field}", (result.status.code, normal(result.entry)), (0, normal(want)))
        c.equal(f"update {field} is stored", normal(d.local.GetEntry(id=entry.id)), normal(want))
    result, = d.local.BatchUpdateEntry(entries=[change], output_mask={"hint": True}).results
    c.equal("update whole, output mask", result.entry, masked(d.local.GetEntry(id=entry.id), "hint"))

    agent = d.new_agent()
    whole = d.local.GetAgent(id=agent.id)
    for field in mask_fields("AgentMask"):
        c.equal(f"agent {field}", d.local.GetAgent(id=agent.id, output_mask={field: True}), masked(whole, field))
        c.equal(f"agents {field}", list(d.local.ListAgents(output_mask={field: True}).agents), [masked(whole, field)])
    bundle = d.local.GetBundle()
    for field in mask_fields("BundleMask"):
        c.equal(f"bundle {field}", d.local.GetBundle(output_mask={field: True}), masked(bundle, field))


def normal(entry):
    """The same for entries that mean the same: selectors are a set, attributes of nothing are none."""
    copy = masked(entry, *[field.name for field in entry.DESCRIPTOR.fields])
    if copy.HasField("additional_attributes") and not copy.additional_attributes.ByteSize():
        copy.ClearField("additional_attributes")
    ordered = sorted(copy.selectors, key=lambda one: (one.type, one.value))
    del copy.selectors[:]
    copy.selectors.extend(ordered)
    return copy


def batches(c, d):
    """One wrong item in a batch is answered in its place and spoils nothing else."""
    def entry(path="/a", texts=("t:1",), **more):
        fields = {"spiffe_id": spiffe_id(path), "parent_id": spiffe_id("/node"), "selectors": selectors(*texts)}
        return types("Entry", **{**fields, **more})

    invalid, exists, missing = 3, 6, 5
    items = [
        (entry("/good/1"), 0), (entry(spiffe_id=None), invalid), (entry("/good/2"), 0), (entry("no-slash"), invalid),
        (entry("/good/1"), exists), (entry(parent_id=None), invalid), (entry("/a", ()), invalid),
        (entry("/spire/x"), invalid), (entry(x509_svid_ttl=-1), invalid), (entry(hint="h" * 1025), invalid),
        (entry(dns_names=["a..b"]), invalid), (entry("/good/3", id="of-my-own"), 0),
        (entry("/good/4", id="of-my-own"), exists), (entry("/good/5"), 0),
    ]
    results = d.local.BatchCreateEntry(entries=[one for one, _ in items]).results
    c.equal("create", [result.status.code for result in results], [want for _, want in items])
    c.equal("create, entries of refused items", [result.HasField("entry") for result in results],
            [want != invalid and number != 12 for number, (_, want) in enumerate(items)])
    c.equal("the one that is there is returned", results[4].entry, results[0].entry)
    made = [result.entry for result, (_, want) in zip(results, items) if want == 0]
    c.equal("only the good ones are stored", {one.id for one in d.local.ListEntries().entries},
            {one.id for one in made})

    updates = [(types("Entry", id=made[0].id, hint="new"), 0), (types("Entry", id="nobody", hint="x"), missing),
               (types("Entry", id=made[1].id, hint="h" * 1025), invalid), (types("Entry", id=made[2].id, hint="last"), 0)]
    results = d.local.BatchUpdateEntry(entries=[one for one, _ in updates], input_mask={"hint": True}).results
    c.equal("update", [result.status.code for result in results], [want for _, want in updates])
    c.equal("update, what is stored", [d.local.GetEntry(id=one.id).hint for one in made[:3]], ["new", "", "last"])

    ids = [made[0].id, "nobody", "", made[0].id, made[1].id]
    results = d.local.BatchDeleteEntry(ids=ids).results
    c.equal("delete", [(result.id, result.status.code) for result in results],
            list(zip(ids, [0, missing, invalid, missing, 0])))
    for call in (d.local.BatchCreateEntry, d.local.BatchUpdateEntry, d.local.BatchDeleteEntry):
        c.equal("a batch of nothing", len(call().results), 0)
    c.refused("a batch of 1001", lambda: d.local.BatchDeleteEntry(ids=["x"] * 1001), "INVALID_ARGUMENT")
    c.refused("get unknown", lambda: d.local.GetEntry(id="nobody"), "NOT_FOUND")
    c.refused("get nothing", lambda: d.local.GetEntry(), "INVALID_ARGUMENT")


def agents(c, d):
    """Join tokens, attestation, listings of agents, renewal with its serial numbers, bans and evictions."""
    for name, wrong in {"no ttl": {}, "a negative ttl": {"ttl": -1},
                        "a reserved alias": {"ttl": 60, "agent_id": spiffe_id("/spire/agent/x")}}.items():
        c.refused("token with " + name, lambda: d.local.CreateJoinToken(**wrong), "INVALID_ARGUMENT")
    request = csr(new_key())
    caller = d.caller()
    for name, wrong in {
        "nothing": message_class("spire.api.server.agent.v1.AttestAgentRequest")(),
        "no type": attestation("x", request, ""), "no token": attestation("", request),
        "no request": attestation("x", b""), "an unknown token": attestation("x", request),
    }.items():
        c.refused("attest with " + name, lambda: caller.AttestAgent(iter([wrong])), "INVALID_ARGUMENT")
    c.refused("attest by a kind that is not here", lambda: caller.AttestAgent(iter([attestation("x", request, "tpm")])),
              "FAILED_PRECONDITION")

    # One token, twenty agents at once, each on a connection of its own.
    token = d.local.CreateJoinToken(ttl=600).value
    callers = [d.caller() for _ in range(20)]
    won, lost = [], []

    def race(one):
        try:
            won.append(d.attest(token, one))
        except grpc.RpcError as error:
            lost.append(code(error))

    racers = [threading.Thread(target=race, args=(one,)) for one in callers]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    c.equal("one of twenty with one token wins", (len(won), set(lost)), (1, {"INVALID_ARGUMENT"}))
    first = won[0]
    c.equal("the agent's name", first.id, spiffe_id("/spire/agent/join_token/" + token))

    # Listings, against what is known of each agent.
    others = [d.new_agent() for _ in range(4)]
    d.local.BanAgent(id=others[0].id)
    everyone = [first] + others
    yes, no = {"value": True}, {"value": False}
    long_ago, far = "2001-02-03 04:05:06 +0000 UTC", "2101-02-03 04:05:06 +0300 +03"
    for by in itertools.product((None, "join_token", "tpm"), (None, yes, no), (None, yes, no), (None, long_ago, far)):
        kind, banned, again, before = by
        fields = {"by_attestation_type": kind, "by_banned": banned, "by_can_reattest": again,
                  "by_expires_before": before}
        want = [one.id.path for one in everyone
                if kind != "tpm" and again is not yes and before != long_ago
                and (banned is None or banned["value"] == (one is others[0]))]
        fields = {name: value for name, value in fields.items() if value is not None}
        got, _ = pages(d.local.ListAgents, "agents", filter=fields, page_size=2)
        c.equal(f"agents by {by}", [one.id.path for one in got], sorted(want))
        c.equal(f"count of agents by {by}", d.local.CountAgents(filter=fields).count, len(want))

    # Renewal: the new one is pending until it is used, then the old one is of no use.
    def renew(identity):
        key = new_key()
        return Identity(key, d.caller(identity).RenewAgent(params={"csr": csr(key)}).svid)

    def use(identity):
        return d.caller(identity).PostStatus(agent_version="v")

    def current():
        return d.local.GetAgent(id=first.id).x509svid_serial_number

    second = renew(first)
    third = renew(first)
    c.equal("a pending one is not the agent's", current(), first.serial)
    c.refused("a pending one that was replaced", lambda: use(second), "PERMISSION_DENIED", because="AGENT_NOT_ACTIVE")
    use(first)
    use(third)
    c.equal("the first use makes it the agent's", current(), third.serial)
    c.refused("the superseded one", lambda: use(first), "PERMISSION_DENIED", because="AGENT_NOT_ACTIVE")
    c.refused("renewal without a request", lambda: d.caller(third).RenewAgent(), "INVALID_ARGUMENT")
    c.equal("status is kept", d.local.GetAgent(id=first.id).agent_version, "v")

    open_stream = d.caller(third).SyncAuthorizedEntries(held(message_class(
        "spire.api.server.entry.v1.SyncAuthorizedEntriesRequest")()))
    next(open_stream)
    d.local.BanAgent(id=first.id)
    try:
        ended = next(open_stream, "ended")
    except grpc.RpcError as error:
        ended = "late" if code(error) == "DEADLINE_EXCEEDED" else "ended"
    c.equal("a ban ends what is open", ended, "ended")
    c.refused("a banned agent", lambda: use(third), "PERMISSION_DENIED", because="AGENT_BANNED")
    d.local.DeleteAgent(id=first.id)
    c.refused("an evicted agent", lambda: use(third), "PERMISSION_DENIED", because="AGENT_NOT_ATTESTED")
    for call in (d.local.GetAgent, d.local.BanAgent, d.local.DeleteAgent):
        c.refused("an agent that is not there", lambda: call(id=first.id), "NOT_FOUND")
        c.refused("an ID that is no agent's", lambda: call(id=spiffe_id("/workload")), "INVALID_ARGUMENT")


def held(*requests):
    """Requests, and then a client that does not end its side."""
    yield from requests
    threading.Event().wait(30)


def synchronization(c, d):
    """GetAuthorizedEntries and SyncAuthorizedEntries with pages and revisions."""
    agent, other = d.new_agent(alias=spiffe_id("/alias")), d.new_agent()
    alias, = d.local.ListEntries(filter={"by_spiffe_id": spiffe_id("/alias")}).entries
    mine = [alias, d.create("/own", agent.id.path), d.create("/by-alias", "/alias"), d.create("/below", "/own")]
    foreign = d.create("/foreign", other.id.path)
    caller = d.caller(agent)
    request = message_class("spire.api.server.entry.v1.SyncAuthorizedEntriesRequest")
    got = {entry.id: entry for entry in caller.GetAuthorizedEntries().entries}
    c.equal("get", got, {entry.id: entry for entry in mine})
    for field in mask_fields("EntryMask"):
        got = {entry.id: entry for entry in caller.GetAuthorizedEntries(output_mask={field: True}).entries}
        c.equal(f"get {field}", got, {entry.id: masked(entry, field) for entry in mine})
    answers = list(caller.SyncAuthorizedEntries(iter([request()])))
    c.equal("a short list comes whole", [(len(one.entries), len(one.entry_revisions), one.more) for one in answers],
            [(4, 0, False)])
    c.refused("IDs in the first request", lambda: caller.SyncAuthorizedEntries(iter([request(ids=["x"])])),
              "INVALID_ARGUMENT")
    c.refused("a mask without the revision",
              lambda: caller.SyncAuthorizedEntries(iter([request(output_mask={"hint": True})])), "INVALID_ARGUMENT")

    many = [types("Entry", spiffe_id=spiffe_id(f"/n/{number}"), parent_id=agent.id, selectors=selectors("t:1"))
            for number in range(1201 - len(mine))]
    for start in range(0, len(many), 500):
        mine += [one.entry for one in d.local.BatchCreateEntry(entries=many[start:start + 500]).results]
    d.local.BatchUpdateEntry(entries=[types("Entry", id=mine[7].id, hint="changed")], input_mask={"hint": True})
    asked, questions = threading.Semaphore(0), [request()]

    def ask():
        while questions:
            yield questions.pop(0)
            asked.acquire()

    stream = caller.SyncAuthorizedEntries(ask())

    def answer(*ids):
        if ids:
            questions.append(request(ids=ids))
            asked.release()
        found = []
        while not found or found[-1].more:
            found.append(next(stream))
        return found

    begun = answer()
    c.equal("1201 begin with revisions, 500 a page",
            [(len(one.entries), len(one.entry_revisions), one.more) for one in begun],
            [(0, 500, True), (0, 500, True), (0, 201, False)])
    revisions = {one.id: one for page in begun for one in page.entry_revisions}
    c.equal("revisions are of all", revisions.keys(), {entry.id for entry in mine})
    c.equal("a changed one has the next revision", revisions[mine[7].id].revision_number, mine[7].revision_number + 1)
    c.equal("an unchanged one has its own", revisions[mine[8].id].revision_number, mine[8].revision_number)
    c.equal("with the moment of creation", revisions[mine[8].id].created_at, mine[8].created_at)
    got = answer(*[entry.id for entry in mine[:1100]])
    c.equal("what is asked for, 500 a page", [(len(one.entries), one.more) for one in got],
            [(500, True), (500, True), (100, False)])
    c.equal("and that", {entry.id for page in got for entry in page.entries}, {entry.id for entry in mine[:1100]})
    got, = answer(mine[9].id, foreign.id, "nobody", mine[7].id)
    c.equal("foreign and unknown ones are left out", {entry.id for entry in got.entries}, {mine[9].id, mine[7].id})
    asked.release()
    c.equal("the stream ends with the client", list(stream), [])


def svids(c, d):
    """MintX509SVID, MintJWTSVID, BatchNewX509SVID, NewJWTSVID."""
    minted = d.mint("/minted", 120)
    names = minted.chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    c.equal("the certificate's name", names.get_values_for_type(x509.UniformResourceIdentifier),
            [f"spiffe://{TRUST_DOMAIN}/minted"])
    c.equal("expires_at", minted.svid.expires_at, int(minted.chain[0].not_valid_after_utc.timestamp()))
    good, uri = new_key(), f"spiffe://{TRUST_DOMAIN}/minted"
    request = csr(good, uri)
    ed = ed25519.Ed25519PrivateKey.generate()
    ed_request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False).sign(ed, None)
    for name, wrong in {
        "nothing": b"", "no request": b"x", "no URI": csr(good), "two URIs": csr(good, uri, uri + "2"),
        "another trust domain": csr(good, "spiffe://elsewhere.org/a"), "a reserved name": csr(good, SERVER_ID),
        "a spoiled signature": request[:-1] + bytes([request[-1] ^ 1]),
        "an Ed25519 key": ed_request.public_bytes(serialization.Encoding.DER),
    }.items():
        c.refused("mint with " + name, lambda: d.local.MintX509SVID(csr=wrong), "INVALID_ARGUMENT")
    token = d.local.MintJWTSVID(id=spiffe_id("/j"), audience=["a", "b"], ttl=17).svid
    header, claims, _ = (json.loads(base64.urlsafe_b64decode(part + "==")) if number < 2 else part
                         for number, part in enumerate(token.token.split(".")))
    c.equal("claims", (claims["sub"], claims["aud"], claims["exp"] - claims["iat"]),
            (f"spiffe://{TRUST_DOMAIN}/j", ["a", "b"], 17))
    c.true("the key is in the bundle", header["kid"] in [key.key_id for key in d.local.GetBundle().jwt_authorities])
    for name, wrong in {"no audience": {"id": spiffe_id("/j")}, "no ID": {"audience": ["a"]},
                        "a reserved ID": {"id": spiffe_id("/spire/server"), "audience": ["a"]}}.items():
        c.refused("mint a token with " + name, lambda: d.local.MintJWTSVID(**wrong), "INVALID_ARGUMENT")

    agent, other = d.new_agent(), d.new_agent()
    own, foreign = d.create("/own", agent.id.path, x509_svid_ttl=90), d.create("/foreign", other.id.path)
    caller, request = d.caller(agent), csr(good)
    items = [(own.id, request, 0), (foreign.id, request, 5), ("nobody", request, 5), ("", request, 3),
             (own.id, b"", 3), (own.id, b"x", 3), (own.id, request, 0)]
    results = caller.BatchNewX509SVID(params=[{"entry_id": one, "csr": data} for one, data, _ in items]).results
    c.equal("a batch", [result.status.code for result in results], [want for _, _, want in items])
    c.equal("SVIDs of the good ones only", [len(result.svid.cert_chain) for result in results], [1, 0, 0, 0, 0, 0, 1])
    c.equal("whose they are", results[0].svid.id, own.spiffe_id)
    c.refused("a batch of 501", lambda: caller.BatchNewX509SVID(params=[{"entry_id": own.id}] * 501),
              "INVALID_ARGUMENT")
    c.equal("a token", caller.NewJWTSVID(entry_id=own.id, audience=["x"]).svid.id, own.spiffe_id)
    c.refused("a foreign token", lambda: caller.NewJWTSVID(entry_id=foreign.id, audience=["x"]), "NOT_FOUND")
    c.refused("a token for nobody", lambda: caller.NewJWTSVID(entry_id=own.id), "INVALID_ARGUMENT")


# Who may call what; everybody else is refused.
ALLOWED = {
    **dict.fromkeys(("CountAgents", "ListAgents", "GetAgent", "DeleteAgent", "BanAgent", "CreateJoinToken",
                     "CountEntries", "ListEntries", "GetEntry", "BatchCreateEntry", "BatchUpdateEntry",
                     "BatchDeleteEntry", "MintX509SVID", "MintJWTSVID"), {"local", "admin"}),
    **dict.fromkeys(("RenewAgent", "PostStatus", "GetAuthorizedEntries", "SyncAuthorizedEntries", "BatchNewX509SVID",
                     "NewJWTSVID"), {"agent"}),
    **dict.fromkeys(("AttestAgent", "GetBundle"),
                    {"local", "admin", "agent", "workload", "anonymous", "banned", "evicted"}),
}


def callers(c, d):
    """Every method, by every kind of caller, with an empty message."""
    agent, banned, evicted = d.new_agent(), d.new_agent(), d.new_agent()
    d.local.BanAgent(id=banned.id)
    d.local.DeleteAgent(id=evicted.id)
    d.create("/admin", admin=True)
    kinds = {"local": d.local, "anonymous": d.caller(), "agent": d.caller(agent), "admin": d.caller(d.mint("/admin")),
             "workload": d.caller(d.mint("/workload")), "banned": d.caller(banned), "evicted": d.caller(evicted)}
    no_agent = {"admin": "AGENT_NOT_ATTESTED", "workload": "AGENT_NOT_ATTESTED", "banned": "AGENT_BANNED",
                "evicted": "AGENT_NOT_ATTESTED"}
    for path, (request, _, kind) in table.methods.items():
        method = path.rpartition("/")[2]
        if not path.startswith("/spire.api.server."):
            continue
        for name, caller in kinds.items():
            empty = (iter([message_class(request)()]),) if kind == "stream_stream" else ()
            call = lambda: getattr(caller, method)(*empty)
            if name in ALLOWED[method]:
                try:
                    answer = call()
                    status = "OK" if not hasattr(answer, "__next__") else (list(answer), "OK")[1]
                except grpc.RpcError as error:
                    status = code(error)
                c.true(f"{method} by {name} is let in: {status}", status in ("OK", "INVALID_ARGUMENT", "NOT_FOUND"))
            else:
                because = no_agent.get(name) if ALLOWED[method] == {"agent"} else None
                c.refused(f"{method} by {name}", call, "PERMISSION_DENIED", because=because)
    # An administrator is one as long as an entry says so.
    d.local.BatchDeleteEntry(ids=[one.id for one in d.local.ListEntries(
        filter={"by_spiffe_id": spiffe_id("/admin")}).entries])
    c.refused("an administrator of the past", lambda: kinds["admin"].CountEntries(), "PERMISSION_DENIED")
    for call in (kinds["anonymous"].Check, kinds["anonymous"].List):
        c.refused("health is for the socket", call, "UNIMPLEMENTED")


def health(c, d):
    """grpc.health.v1: Check, List, Watch."""
    statuses = table.enums["grpc.health.v1.HealthCheckResponse.ServingStatus"]
    c.equal("check", statuses[d.local.Check().status], "SERVING")
    c.refused("check an unknown service", lambda: d.local.Check(service="no.such.Service"), "NOT_FOUND")
    c.equal("list", statuses[d.local.List().statuses[""].status], "SERVING")
    watches = {"": "SERVING", "no.such.Service": "SERVICE_UNKNOWN"}
    for service, want in watches.items():
        watch = d.local.Watch(service=service, timeout=1)
        c.equal(f"watch '{service}'", statuses[next(watch).status], want)
        c.refused(f"watch '{service}' stays open", lambda: next(watch), "DEADLINE_EXCEEDED")


def reflection(c, d):
    """What grpc.reflection.v1 tells of every service in the table is what the table says."""
    request = message_class("grpc.reflection.v1.ServerReflectionRequest")
    listed, = d.local.ServerReflectionInfo(iter([request(list_services="*")]))
    names = {service.name for service in listed.list_services_response.service}
    services = {path.split("/")[1] for path in table.methods}
    c.equal("services of the table that are not listed", services - names, set())
    files = {}
    for service in services:
        answer, = d.local.ServerReflectionInfo(iter([request(file_containing_symbol=service)]))
        wanted = list(answer.file_descriptor_response.file_descriptor_proto)
        while wanted:
            file = descriptor_pb2.FileDescriptorProto.FromString(wanted.pop())
            files[file.name] = file
            for name in file.dependency:
                if name not in files and not name.startswith("google/protobuf/"):
                    more, = d.local.ServerReflectionInfo(iter([request(file_by_filename=name)]))
                    wanted += more.file_descriptor_response.file_descriptor_proto
    told, methods = {}, {}

    def walk(prefix, messages):
        for message in messages:
            told[prefix + message.name] = [
                (field.name, field.number, {value: key for key, value in SCALARS.items()}.get(
                    field.type, field.type_name[1:]), field.label == 3) for field in message.field]
            walk(prefix + message.name + ".", message.nested_type)

    for file in files.values():
        walk(file.package + ".", file.message_type)
        for service in file.service:
            for method in service.method:
                kind = "_".join("stream" if one else "unary" for one in (method.client_streaming, method.server_streaming))
                methods[f"/{file.package}.{service.name}/{method.name}"] = (
                    method.input_type[1:], method.output_type[1:], kind)
    for path, method in table.methods.items():
        c.equal("method " + path, methods.get(path), method)
    for name, (_, _, fields) in table.messages.items():
        if not name.startswith("google."):
            c.equal("message " + name, sorted(told.get(name, ["nothing"])), sorted(fields))


def main():
    name, socket, port, folder = sys.argv[1:]
    checks = Checks()
    scenario = {one.__name__: one for one in (
        listing, masks, batches, agents, synchronization, svids, callers, health, reflection)}[name]
    scenario(checks, Deployment(socket, int(port), folder))
    for line in checks.failed:
        print(line)
    print(f"{name}: {checks.passed} passed, {len(checks.failed)} failed", flush=True)
    sys.exit(1 if checks.failed else 0)


main()
