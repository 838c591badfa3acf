import atexit


def bad():
    raise ValueError("in a handler")


atexit.register(print, "still runs")
atexit.register(bad)
print("end")
