print("before")
data = bytearray(2**62)
