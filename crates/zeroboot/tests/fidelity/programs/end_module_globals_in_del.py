import sys


class Loud:
    def __del__(self):
        print("modules are", "there" if sys.modules else "gone", sys.is_finalizing())


sys.loud = Loud()
print("end")
