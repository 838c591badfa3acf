# argv: ["h\u00e4", "\ud83d\ude00", "", "a b", "--", "-x"]
import sys

print([ascii(word) for word in sys.argv[1:]])
