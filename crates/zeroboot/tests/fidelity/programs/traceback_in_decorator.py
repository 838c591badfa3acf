def decorate(function):
    raise TypeError("cannot decorate " + function.__qualname__)


@decorate
def work():
    pass
