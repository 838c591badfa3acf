import atexit


def first():
    print("first")
    atexit.register(print, "registered by first")


atexit.register(print, "last")
atexit.register(first)
