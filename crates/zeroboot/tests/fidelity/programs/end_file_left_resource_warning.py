import warnings

warnings.simplefilter("always")


def work():
    file = open("left.txt", "w")
    file.write("text")


work()
print(open("left.txt").read())
