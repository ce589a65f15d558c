#!/usr/bin/env python3
"""contract.py UNIT_OUTPUT: each statement of docs/semantics.md has a test; TAP.

UNIT_OUTPUT is what the unit tests printed.  A statement is a row of a table
whose head is "statement | test".
"""

import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def exists(test, properties):
    if test.startswith("*"):
        return test.strip("*") in properties
    path = test.strip("`")
    return any(os.path.exists(os.path.join(ROOT, path + end)) for end in ("", ".sql"))


def main(unit_output):
    with open(unit_output) as lines:
        properties = {re.sub(r"^ok \d+ - ", "", line.strip()) for line in lines if line.startswith("ok ")}
    with open(os.path.join(ROOT, "docs", "semantics.md")) as lines:
        text = lines.read()
    statements, missing = 0, []
    for table in re.findall(r"^\| statement \| test \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.M):
        for row in table.splitlines():
            _, statement, test, _ = re.split(r"(?<!\\)\|", row)
            statements += 1
            if not exists(test.strip(), properties):
                missing.append((statement.strip(), test.strip()))
    for statement, test in missing:
        print(f"# {test} does not pass or exist: {statement}")
    print(f"{'not ok' if missing or not statements else 'ok'} 1 - "
          f"each of {statements} statements of docs/semantics.md has a test")
    print("1..1")
    return 1 if missing or not statements else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
