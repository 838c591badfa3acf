# needs: numpy
import numpy

generator = numpy.random.default_rng(7)
print(generator.normal(size=3), generator.integers(0, 100, 5))
numpy.random.seed(1)
print(numpy.random.rand(2))
