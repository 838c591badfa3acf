import sys


class Tee:
    def __init__(self, stream):
        self.stream = stream
        self.flushed = 0

    def write(self, text):
        self.stream.write(text.upper())

    def flush(self):
        self.flushed += 1
        self.stream.flush()


print("before")
sys.stdout = Tee(sys.stdout)
print("through the tee")
