class Loud:
    def __del__(self):
        print("gone with the frame")


def work():
    loud = Loud()
    raise ValueError("held by a traceback")


work()
