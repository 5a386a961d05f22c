#!/usr/bin/env python3
"""Which test keeps which rule of the SPIFFE standards.

The rules are rows of rules.tsv. A test says which it is about by beginning its name with their IDs ("SID-03: ..."). What
counts is the name of a @Test or @Suite, and the `testDescription:` of a case of a table. What runs only on some machines
or for some users (.enabled(if:), .disabled) does not count, and neither does what `make test` does not run.

    standards.py check    prints the totals of each group; fails where a MUST or MUST NOT that this code has to obey
                          has no test, a test names a rule that is not there, or Docs/Standards.md is out of date
    standards.py write    writes the table of Docs/Standards.md anew
"""

import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "Docs" / "Standards.md"
MARK = "<!-- Written by `make standards` from Tests/Checks/rules.tsv and the names of the tests. -->"
GROUPS = {
    "SID": "SPIFFE-ID",
    "X509": "X509-SVID",
    "JWT": "JWT-SVID",
    "WIT": "WIT-SVID",
    "BUN": "Trust Domain and Bundle",
    "FED": "Federation",
    "WAPI": "Workload API",
    "WEP": "Workload Endpoint",
}
# Tests of several modules in one target.
MODULES = {"SPIFFEAdapter": "SPIFFEGRPC, SPIFFEHTTPClient, SPIFFEHummingbird"}
# Signet serves no bundle endpoint, and what operators and authors of specifications do is theirs.
ROLES_OF_OTHERS = {"bundle server", "operator", "spec authors"}
ID = "(?:" + "|".join(GROUPS) + ")-[0-9]{2}"
# What stands before the name of a test, and the name: the IDs, then a sentence.
NAME = re.compile(r'(@Test\(|@Suite\(|\btestDescription:)\s*"(' + ID + "(?:, " + ID + r')*): ((?:[^"\\]|\\.)*)"')
CONDITION = re.compile(r"\.enabled\(\s*if:|\.disabled\b")


def roles(rule):
    return {role.strip() for role in rule["roles"].split(",")}


def rules():
    lines = (ROOT / "Tests" / "Checks" / "rules.tsv").read_text().splitlines()[1:]
    return [dict(zip(("id", "level", "section", "roles", "text"), line.split("\t"))) for line in lines]


def attribute(text, start):
    """The text of the @Test(...) that begins there, up to the parenthesis that closes it."""
    depth = 0
    for part in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', text[start:]):
        depth += {"(": 1, ")": -1}.get(part.group(), 0)
        if depth == 0 and part.group() == ")":
            return text[start : start + part.end()]
    return text[start:]


def tests():
    """The tests of each rule: the file and the sentence of each."""
    found = collections.defaultdict(list)
    for path in sorted((ROOT / "Tests").rglob("*.swift")):
        text = path.read_text()
        for name in NAME.finditer(text):
            if name.group(1).startswith("@") and CONDITION.search(attribute(text, name.start())):
                continue
            for rule in name.group(2).split(", "):
                found[rule].append((path.relative_to(ROOT), name.group(3)))
    return found


def demands_test(rule):
    return rule["level"] in ("MUST", "MUST NOT") and not roles(rule) <= ROLES_OF_OTHERS


def code(path):
    """The folder that a test file is about: its module's, and the folder of the same name in it, where there is one."""
    module = path.parts[1].removesuffix("Tests")
    if not (ROOT / "Sources" / module).is_dir():
        return MODULES.get(module, "the programs")
    folder = "/".join(["Sources", module, *path.parts[2:-1]])
    return module if not (ROOT / folder).is_dir() else folder.removeprefix("Sources/")


def table(found):
    text = [MARK, ""]
    for group, title in GROUPS.items():
        text += [f"### {group}: {title}", "", "| Rule | § | Level | What it says | Code | Tests |", "|---|---|---|---|---|---|"]
        for rule in rules():
            if rule["id"].split("-")[0] != group:
                continue
            own = found.get(rule["id"], ())
            links = "; ".join(
                f"[{sentence.replace('|', chr(92) + '|')}](../{str(file).replace(' ', '%20')})" for file, sentence in own)
            if not own and roles(rule) <= ROLES_OF_OTHERS:
                links = f"for the {rule['roles']}"
            places = ", ".join(dict.fromkeys(code(file) for file, _ in own))
            section = rule["section"].removeprefix("§")
            text.append(f"| {rule['id']} | {section} | {rule['level']} | {rule['text']} | {places} | {links} |")
        text.append("")
    return "\n".join(text)


def page(found):
    before = PAGE.read_text().split(MARK)[0]
    return before + table(found)


def check(found):
    failed = False
    known = {rule["id"] for rule in rules()}
    print("SPIFFE rules with a test:")
    for group in GROUPS:
        own = [rule for rule in rules() if rule["id"].split("-")[0] == group]
        musts = [rule for rule in own if demands_test(rule)]
        missing = [rule for rule in musts if rule["id"] not in found]
        tested = sum(rule["id"] in found for rule in own)
        print(f"  {group:<5} {len(musts) - len(missing)} of {len(musts)} MUST and MUST NOT, {tested} of {len(own)} in all")
        for rule in missing:
            print(f"        {rule['id']} {rule['level']}: {rule['text']}")
            failed = True
    for rule in sorted(set(found) - known):
        print(f"  {rule} is named by {', '.join(str(file) for file, _ in found[rule])} and is no rule")
        failed = True
    if not failed:
        print("  every MUST and MUST NOT of these groups that is for this code has a test")
    if PAGE.read_text() != page(found):
        print("  Docs/Standards.md is out of date: make standards")
        failed = True
    return failed


if __name__ == "__main__":
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "write":
        PAGE.write_text(page(tests()))
    elif command == "check":
        sys.exit(check(tests()))
    else:
        sys.exit(__doc__)
