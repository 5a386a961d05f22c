#!/usr/bin/env python3
"""Whether the tables of requirements in Docs/Tokens.md say what is there.

Fails where a row names a type or a test that does not exist, names no test, or a row that access tokens have to satisfy is
in no table; and where an adapter reads tokens by itself, beside the one library (row 122).
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "Docs" / "Tokens.md"
# Rows of the table of requirements; of gateways and queues, meshes, policy engines and CI providers elsewhere.
DEMANDED = "1-25 31-65 74 75 78-87 90 93-106 108-111 115 117-120 122 125 127 128 131-133"
# The adapters of the library for services.
ADAPTERS = ["AuthorizationGRPC", "AuthorizationHTTPClient", "AuthorizationHummingbird"]
DECLARATION = re.compile(r"\b(?:struct|class|enum|protocol|actor) (\w+)")
CODE = re.compile(r"`([^`]+)`")


def numbers(text):
    """The numbers of a list such as `1-3 7`."""
    found = set()
    for part in text.split():
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def sources(folder):
    return {path: path.read_text() for path in sorted((ROOT / folder).rglob("*.swift"))}


def rows():
    """The cells of each row of the tables, whose first begins with numbers."""
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and len(cells) >= 2 and re.match(r"[0-9, ]+: ", cells[0]):
            yield cells + [""] * (3 - len(cells))


def exists(test, suites):
    if test.startswith("make "):
        return re.search(rf"^{test.removeprefix('make ')}:", (ROOT / "Makefile").read_text(), re.M) is not None
    if test.endswith(".py"):
        return (ROOT / "Tests" / test).is_file()
    folder, _, suite = test.rpartition("/")
    return suite in suites and any((ROOT / "Tests" / folder).rglob(f"{suite}.swift"))


def check():
    types = {name for text in sources("Sources").values() for name in DECLARATION.findall(text)}
    suites = {name for text in sources("Tests").values() if "@Test" in text for name in DECLARATION.findall(text)}
    failures = []
    named = set()
    for what, where, tests in rows():
        named |= {int(number) for number in re.findall(r"[0-9]+", what.split(":")[0])}
        if not CODE.findall(tests):
            failures.append(f"no test: {what}")
        failures += [f"no such test, {test}: {what}" for test in CODE.findall(tests) if not exists(test, suites)]
        failures += [f"no such type, {name}: {what}" for name in CODE.findall(where) if name.split(".")[0] not in types]
    failures += [f"row {number} is in no table" for number in sorted(numbers(DEMANDED) - named)]
    for adapter in ADAPTERS:
        failures += [
            f"{path.relative_to(ROOT)} imports JOSE: tokens are read by the library alone"
            for path, text in sources(f"Sources/{adapter}").items()
            if re.search(r"^(?:\w+ )?import JOSE$", text, re.M)
        ]
    print(f"Docs/Tokens.md: {len(named)} requirements, each with its code and its tests")
    for failure in failures:
        print(f"  {failure}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(check())
