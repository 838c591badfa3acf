# files: yes
import os

os.makedirs("a/b/c")
with open("a/b/text.txt", "w") as file:
    file.write("text\n" * 3)
with open("a/binary.bin", "wb") as file:
    file.write(bytes(range(256)))
os.symlink("b/text.txt", "a/link")
os.link("a/binary.bin", "hard.bin")
print(os.stat("hard.bin").st_nlink, os.path.realpath("a/link"))
