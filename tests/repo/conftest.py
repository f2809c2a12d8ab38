import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import properties


def pytest_terminal_summary(terminalreporter):
    """Print the table of the properties and their tests."""
    tests, pending = properties.table(), properties.numbers_in(properties.PENDING.read_text())
    terminalreporter.section("properties")
    for number in range(1, properties.COUNT + 1):
        shown = tests.get(number) or (["pending"] if number in pending else ["MISSING"])
        for i, test in enumerate(shown):
            terminalreporter.write_line(f"{number if i == 0 else '':>3}  {test}")
