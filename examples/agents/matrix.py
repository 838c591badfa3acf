"""Solves a system of linear equations with numpy, and checks the answer."""

import sys

try:
    import numpy
except ImportError:
    print("SKIP numpy is not installed")
    sys.exit(0)

SIZE = 200

chance = numpy.random.RandomState(7)
# A strong diagonal makes the system well-conditioned.
matrix = chance.rand(SIZE, SIZE) + SIZE * numpy.eye(SIZE)
expected = numpy.arange(SIZE, dtype=float)
found = numpy.linalg.solve(matrix, matrix @ expected)

print(f"{SIZE} equations solved")
print("correct to nine digits:", bool(numpy.allclose(found, expected, rtol=1e-9, atol=1e-9)))
