import contextlib


@contextlib.contextmanager
def resource():
    print("acquired")
    try:
        yield
    finally:
        print("released")


def work():
    with resource():
        yield 1


suspended = work()
next(suspended)
