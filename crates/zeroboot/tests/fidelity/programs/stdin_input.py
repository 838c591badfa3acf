# stdin: "first\nsecond\n"
print(input("prompt: "))
print(repr(input()))
input("at the end: ")
