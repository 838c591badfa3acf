class Deep:
    def __repr__(self):
        return repr(self)


try:
    repr(Deep())
except RecursionError as error:
    print("RecursionError", str(error).startswith("maximum recursion depth exceeded"))
