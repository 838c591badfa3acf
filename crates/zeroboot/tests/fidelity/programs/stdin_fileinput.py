# stdin: "a\nb\n"
import fileinput

for line in fileinput.input(files=()):
    print(fileinput.lineno(), line, end="")
