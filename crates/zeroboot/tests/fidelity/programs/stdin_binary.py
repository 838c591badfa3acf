# stdin: "a\u0000b\r\n\u00e4"
import sys

print(sys.stdin.buffer.read())
