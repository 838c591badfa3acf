import warnings


def work():
    warnings.warn("old", DeprecationWarning, stacklevel=2)
    warnings.warn("odd")


work()
work()
