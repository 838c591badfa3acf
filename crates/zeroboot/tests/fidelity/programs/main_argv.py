# argv: ["one", "two words", "-c", "--flag=x"]
import sys

print(sys.argv, sys.orig_argv[1:] == [sys.argv[0]] + sys.argv[1:])
