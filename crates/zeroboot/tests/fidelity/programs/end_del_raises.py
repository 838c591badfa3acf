class Bad:
    def __del__(self):
        raise RuntimeError("in __del__")


bad = Bad()
bad = None
print("on it goes")
