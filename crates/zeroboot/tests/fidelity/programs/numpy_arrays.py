# needs: numpy
# files: yes
import numpy

values = numpy.arange(12, dtype=float).reshape(3, 4)
print(values @ values.T, values.mean(axis=0), numpy.linalg.norm(values))
numpy.savetxt("values.txt", values)
numpy.save("values.npy", values)
print(numpy.load("values.npy").sum(), numpy.array(["a", "bc"]).dtype)
