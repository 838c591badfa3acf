import tracemalloc
import warnings

warnings.simplefilter("always")
tracemalloc.start()
open("x.txt", "w")
