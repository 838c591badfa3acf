import sys


class Tee:
    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        self.stream.write(text)


print("before")
sys.stdout = Tee(sys.stdout)
print("through the tee")
