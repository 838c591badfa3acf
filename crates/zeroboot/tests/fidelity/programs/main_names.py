"""The module's own words."""
import sys

print(__name__, __file__, __doc__, __spec__, __package__, __cached__ if "__cached__" in globals() else None)
print(type(__loader__).__name__, type(__builtins__).__name__)
print(sys.modules["__main__"].__dict__ is globals())
