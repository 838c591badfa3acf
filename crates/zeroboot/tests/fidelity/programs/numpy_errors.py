# needs: numpy
import numpy

print(numpy.array([1.0]) / 0)
numpy.ones(3) + numpy.ones(4)
