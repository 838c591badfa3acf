# long: yes
import ctypes
import ctypes.util


class Pair(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_double)]


libc = ctypes.CDLL(None)
libc.strlen.restype = ctypes.c_size_t
print(libc.strlen(b"hello"), ctypes.sizeof(Pair), bytes(Pair(1, 2.0)).hex(), libc.abs(-3))
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
values = (ctypes.c_int * 4)(3, 1, 4, 2)
libc.qsort(values, 4, 4, compare(lambda a, b: a[0] - b[0]))
print(list(values))
