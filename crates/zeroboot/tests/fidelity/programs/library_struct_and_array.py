# long: yes
import array
import struct

print(struct.pack("<IhQ", 1, -2, 3).hex(), struct.calcsize("@bq"), array.array("d", [1.5]).tobytes().hex())
struct.unpack("<I", b"123")
