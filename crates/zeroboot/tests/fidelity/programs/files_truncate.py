# files: yes
with open("x", "w+") as file:
    file.write("hello world")
    file.truncate(5)
    file.seek(0)
    print(file.read(), file.tell())
with open("x", "a") as file:
    print(file.tell(), file.write("!"))
