"""Runs test cases of the standard library, and says in a line each how they ended.

Arguments: which share, of how many, and the names of modules, classes or cases. A line is `case`, how it ended, its name, and
why, with tabs between; the last one is `end`. Classes are dealt out to the shares, since a class sets up for all its cases.
"""

import os
import sys
import tempfile
import unittest
from test import support


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.started = []

    def startTest(self, test):
        self.started.append(test.id())
        super().startTest(test)


def classes(tests, found):
    """The cases by their class."""
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            classes(test, found)
        else:
            found.setdefault(type(test), []).append(test)
    return found


def end_of_each(result):
    """A case with parts ended as the worst of them."""
    ends = {name: ("passed", "") for name in result.started}
    worse = [
        ("skipped", result.skipped),
        ("failed", [(test, "it was expected to fail") for test in result.unexpectedSuccesses]),
        ("failed", result.failures + result.errors),
    ]
    for end, tests in worse:
        for test, why in tests:
            lines = why.strip().splitlines() or [""]
            ends[getattr(test, "test_case", test).id()] = (end, lines[-1].replace("\t", " "))
    return ends


def main(share, shares, names):
    # What the tests print is not mixed with the report, which is written at the end.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    # Nothing that wants the internet, a display, gigabytes or minutes, as without an option of the test runner.
    support.use_resources = []
    support.verbose = 0
    result = Result()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        found = classes(unittest.defaultTestLoader.loadTestsFromNames(names), {})
        for cases in list(found.values())[share::shares]:
            unittest.TestSuite(cases).run(result)
        os.chdir("/")
    for name, (end, why) in end_of_each(result).items():
        report.write("\ncase\t%s\t%s\t%s" % (end, name, why))
    report.write("\nend\n")
    report.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
