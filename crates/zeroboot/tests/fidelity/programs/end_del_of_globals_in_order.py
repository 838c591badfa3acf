class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("gone", self.name)


a = Loud("a")
b = Loud("b")
_c = Loud("_c")
d = [Loud("in a list")]
print("end")
