def work():
    yield 1
    raise StopIteration("odd")


print(list(work()))
