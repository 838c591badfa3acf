import sys

print(ascii("\udcff"), sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors)
try:
    print("\udcff")
except UnicodeEncodeError as error:
    print(error)
print("\udcff", file=sys.stderr)
