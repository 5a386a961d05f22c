"""What is checked, one line a failure."""
from wire import code, denied_because, grpc


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, []

    def equal(self, name, got, want):
        if got == want:
            self.passed += 1
        else:
            self.failed.append(f"{name}: expected {want!r}, got {got!r}")

    def true(self, name, value):
        self.equal(name, bool(value), True)

    def refused(self, name, call, *want, because=None):
        """A call that must end with one of these statuses, with this reason in its details."""
        try:
            answer = call()
            if hasattr(answer, "__next__"):
                answer = list(answer)
            self.failed.append(f"{name}: expected {want}, got {answer!r}"[:2000])
        except grpc.RpcError as error:
            if code(error) in want and denied_because(error) == because:
                self.passed += 1
            else:
                got = (code(error), denied_because(error), error.details())
                self.failed.append(f"{name}: expected {want} because {because}, got {got}")
