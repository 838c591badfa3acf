# long: yes
import functools


@functools.lru_cache(maxsize=2)
def square(n):
    return n * n


@functools.singledispatch
def kind(value):
    return "object"


@kind.register
def _(value: int):
    return "int"


print([square(n) for n in (1, 2, 1)], square.cache_info(), kind(1), kind("x"), functools.partial(int, base=2)("101"))
