import inspect


def work(a, b=2, *rest, key=None):
    """What it does."""
    # A comment.
    return a


class Thing:
    value = 1


print(inspect.getsource(work))
print(inspect.getsource(Thing))
print(inspect.signature(work), inspect.getfile(work), inspect.getmodule(work).__name__)
print(inspect.getsourcelines(work)[1])
