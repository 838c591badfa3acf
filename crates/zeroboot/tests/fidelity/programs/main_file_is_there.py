import os

print(os.listdir("."), os.path.isfile(__file__))
with open(__file__) as file:
    print(file.readline(), end="")
