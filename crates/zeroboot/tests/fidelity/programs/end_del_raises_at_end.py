class Bad:
    def __del__(self):
        raise RuntimeError("in __del__ at the end")


bad = Bad()
print("end")
