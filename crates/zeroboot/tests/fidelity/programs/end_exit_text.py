import sys

print("out")
sys.exit("words: h\u00e4\n")
