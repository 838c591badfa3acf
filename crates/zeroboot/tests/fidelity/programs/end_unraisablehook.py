import sys


def hook(unraisable):
    print("unraisable:", unraisable.exc_value, unraisable.object.__qualname__)


class Bad:
    def __del__(self):
        raise RuntimeError("in __del__")


sys.unraisablehook = hook
Bad()
print("end")
