# stdin: "a\r\nb\rc\n"
import sys

print(ascii(sys.stdin.read()))
