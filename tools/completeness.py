"""Whether every public name of a package has a known type, for every checker.

``python completeness.py gnomon_router`` runs pyright's ``--verifytypes`` in this environment, and prints what is
ambiguous.
"""

from __future__ import annotations

import json
import subprocess
import sys


def report(name: str) -> tuple[float, list[str]]:
    """The share of exported symbols with a known type, and a line for each that has none."""
    command = [sys.executable, "-m", "pyright", "--verifytypes", name, "--ignoreexternal", "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["typeCompleteness"]
    lines = [
        f"{symbol['name']}: {problem['message'].splitlines()[0]}"
        for symbol in found["symbols"]
        for problem in symbol["diagnostics"]
        if not symbol["isTypeKnown"]
    ]
    return found["completenessScore"], lines


def main(arguments: list[str]) -> int:
    """The command line of this script."""
    name = arguments[0].replace("-", "_")
    share, lines = report(name)
    print("\n".join([*lines, f"{name}: {share:.1%} of the exported symbols have a known type"]))
    return 0 if share == 1 else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
