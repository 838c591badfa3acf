import os

open("x", "w").close()
try:
    os.setxattr("x", "user.note", b"value")
    print(os.getxattr("x", "user.note"))
except OSError as error:
    print(error)
