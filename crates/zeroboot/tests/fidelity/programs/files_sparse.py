import os

with open("sparse", "wb") as file:
    file.seek(1 << 30)
    file.write(b"x")
print(os.stat("sparse").st_size, os.stat("sparse").st_blocks < 1000)
