import os

for action in (
    lambda: open("missing"),
    lambda: os.mkdir("."),
    lambda: os.listdir("missing"),
    lambda: open("."),
    lambda: os.unlink("missing"),
    lambda: open("x" * 300, "w"),
    lambda: os.read(99, 1),
    lambda: os.chdir("missing"),
):
    try:
        action()
    except OSError as error:
        print(type(error).__name__, error.errno, str(error)[:60])
