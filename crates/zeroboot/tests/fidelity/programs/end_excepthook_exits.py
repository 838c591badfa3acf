import sys

sys.excepthook = lambda *about: sys.exit(21)
raise ValueError("to the hook")
