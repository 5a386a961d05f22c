"""A thousand writes to a control plane that is killed meanwhile.

    writer.py SOCKET PORT FOLDER COUNT

Four threads create, change and delete entries, make join tokens and attest agents with them, and ask again when a call
ends without an answer. Prints the number of acknowledged writes at every fiftieth. In the end what the control plane
has must be what it acknowledged, exactly; prints what is not so, and ends with exit code 1.
"""
import sys
import threading

from deployment import Deployment, selectors, spiffe_id
from wire import Stub, code, grpc, message_class, types

CREATE, UPDATE, DELETE = (message_class(f"spire.api.server.entry.v1.Batch{verb}EntryRequest")
                          for verb in ("Create", "Update", "Delete"))


class Writer:
    """One thread's writes and what must come of them."""

    def __init__(self, deployment, name, progress):
        self.deployment, self.name, self.progress = deployment, name, progress
        options = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.min_reconnect_backoff_ms", 20),
                   ("grpc.max_reconnect_backoff_ms", 50), ("grpc.use_local_subchannel_pool", 1)]
        self.stub = Stub(grpc.insecure_channel("unix:" + deployment.socket, options=options), wait_for_ready=True)
        self.entries, self.agents, self.tokens, self.wrong = {}, set(), set(), []

    def until_answered(self, call):
        """Calls until there is an answer; whether earlier attempts were done is not known."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return call(), attempts
            except grpc.RpcError as error:
                if code(error) not in ("UNAVAILABLE", "CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED"):
                    return error, attempts

    def write(self, what, call, *also_fine):
        """One acknowledged write; a status of `also_fine` says that an unanswered attempt had been done."""
        answer, attempts = self.until_answered(call)
        if isinstance(answer, grpc.RpcError):
            status = code(answer)
        else:
            status = answer.results[0].status.code if hasattr(answer, "results") else 0
        if status != 0 and not (attempts > 1 and status in also_fine):
            self.wrong.append(f"{what}: {status} after {attempts} attempts")
        self.progress()

    def run(self, count):
        for number in range(count):
            own = f"w{self.name}-{number}"
            if number % 10 == 9:
                self.token(own, attests=number % 50 == 49)
            elif number % 5 == 3:
                changed = f"w{self.name}-{number - 1}"
                entry = types("Entry", id=changed, hint=own)
                self.write("change", lambda: self.stub.BatchUpdateEntry(entries=[entry], input_mask={"hint": True}))
                self.entries[changed] = own
            elif number % 5 == 4:
                gone = f"w{self.name}-{number - 3}"
                self.write("delete", lambda: self.stub.BatchDeleteEntry(ids=[gone]), 5)
                self.entries.pop(gone)
            else:
                entry = types("Entry", id=own, spiffe_id=spiffe_id("/" + own), parent_id=spiffe_id("/node"),
                              selectors=selectors("t:1"), hint="new")
                self.write("create", lambda: self.stub.BatchCreateEntry(entries=[entry]), 6)
                self.entries[own] = "new"

    def token(self, value, attests):
        self.write("token", lambda: self.stub.CreateJoinToken(ttl=600, token=value), "ALREADY_EXISTS")
        if not attests:
            self.tokens.add(value)
            return
        # Used up by an attempt that was not answered: the agent is there, or the token still is.
        agent, attempts = self.until_answered(lambda: self.deployment.attest(value))
        if not isinstance(agent, grpc.RpcError):
            self.agents.add("/spire/agent/join_token/" + value)
        elif attempts == 1:
            self.wrong.append(f"attest: {agent}")


def main():
    socket, port, folder, count = sys.argv[1:]
    deployment = Deployment(socket, int(port), folder)
    lock, done = threading.Lock(), [0]

    def progress():
        with lock:
            done[0] += 1
            if done[0] % 50 == 0:
                print(done[0], flush=True)

    writers = [Writer(deployment, name, progress) for name in range(4)]
    threads = [threading.Thread(target=one.run, args=(int(count) // 4,)) for one in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    wrong = [line for one in writers for line in one.wrong]
    stub = writers[0].stub
    stored = {entry.id: entry.hint for entry in stub.ListEntries().entries if entry.id.startswith("w")}
    acknowledged = {name: hint for one in writers for name, hint in one.entries.items()}
    for name in sorted(stored.keys() | acknowledged.keys()):
        if stored.get(name) != acknowledged.get(name):
            wrong.append(f"{name}: acknowledged {acknowledged.get(name)}, stored {stored.get(name)}")
    attested = {agent.id.path for agent in stub.ListAgents().agents}
    wrong += [f"{agent} is not there" for one in writers for agent in one.agents - attested]
    for token in sorted(token for one in writers for token in one.tokens)[::7]:
        try:
            deployment.attest(token)
        except grpc.RpcError as error:
            wrong.append(f"token {token}: {error.details()}")
    print("\n".join(wrong + [f"writes: {len(stored)} entries, {len(wrong)} wrong"]), flush=True)
    sys.exit(1 if wrong else 0)


main()
