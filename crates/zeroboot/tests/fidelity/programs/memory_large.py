# long: yes
values = bytearray(200 << 20)
values[::4096] = b"x" * len(values[::4096])
print(len(values), values.count(b"x"))
