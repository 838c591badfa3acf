# needs: numpy
import numpy

matrix = numpy.array([[2.0, 1.0], [1.0, 3.0]])
print(numpy.linalg.solve(matrix, [1, 2]), numpy.linalg.eigvalsh(matrix), numpy.fft.fft([1, 0, 0, 0]))
large = numpy.ones((300, 300))
print((large @ large)[0, 0])
