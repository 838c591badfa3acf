"""Runs test cases of the standard library, and says in a line each how they ended.

Arguments: which share, of how many, and the names of modules, classes or cases. A line is `case`, how it ended, its name, and
why, with tabs between; `begin` and a name come before it, and the last one is `end`. So a run that is cut off tells where.
Classes are dealt out to the shares, since a class sets up for all its cases.
"""

import os
import sys
import tempfile
import unittest
from test import support

# A case with parts ended as the worst of them.
WORSE = ["passed", "skipped", "failed"]


class Result(unittest.TestResult):
    def __init__(self, report):
        super().__init__()
        self.report = report
        self.running = None

    def line(self, *fields):
        clean = [field.replace("\t", " ") for field in fields]
        self.report.write("\n" + "\t".join(clean) + "\n")
        self.report.flush()

    def note(self, test, end, why):
        why = (why.strip().splitlines() or [""])[-1]
        name = getattr(test, "test_case", test).id()
        if self.running != name:
            # What sets up or tears down a class or a module.
            self.line("case", end, name, why)
        elif WORSE.index(end) > WORSE.index(self.end):
            self.end, self.why = end, why

    def startTest(self, test):
        super().startTest(test)
        self.running, self.end, self.why = test.id(), "passed", ""
        self.line("begin", self.running)

    def stopTest(self, test):
        super().stopTest(test)
        self.line("case", self.end, self.running, self.why)
        self.running = None

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped", reason)

    def addError(self, test, error):
        super().addError(test, error)
        self.note(test, "failed", self.errors[-1][1])

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.note(test, "failed", self.failures[-1][1])

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "failed", "it was expected to fail")

    def addSubTest(self, test, part, error):
        super().addSubTest(test, part, error)
        if error is not None:
            self.note(test, "failed", "%s: %s" % (error[0].__name__, error[1]))


def classes(tests, found):
    """The cases by their class."""
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            classes(test, found)
        else:
            found.setdefault(type(test), []).append(test)
    return found


def main(share, shares, names):
    # What the tests print is not mixed with the report.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    # Nothing that wants the internet, a display, gigabytes or minutes, as without an option of the test runner.
    support.use_resources = []
    support.verbose = 0
    result = Result(report)
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            found = classes(unittest.defaultTestLoader.loadTestsFromNames(names), {})
        except unittest.SkipTest as skip:
            result.line("case", "skipped", names[0], str(skip))
            found = {}
        for cases in list(found.values())[share::shares]:
            unittest.TestSuite(cases).run(result)
        os.chdir("/")
    result.line("end")
    report.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
