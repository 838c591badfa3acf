# stdin: "from the input\n"
import os

with open("/dev/stdin") as file:
    print(file.read(), end="", flush=True)
with open("/dev/stdout", "w") as file:
    file.write("by /dev/stdout\n")
with open("/dev/stderr", "w") as file:
    file.write("by /dev/stderr\n")
reader, writer = os.pipe()
os.write(writer, b"by /dev/fd\n")
with open(f"/dev/fd/{reader}", "rb", buffering=0) as file:
    print(file.read(11))
