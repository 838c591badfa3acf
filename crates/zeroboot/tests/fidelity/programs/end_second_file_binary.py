second = open(1, "wb", closefd=False)
second.write(b"binary\n")
