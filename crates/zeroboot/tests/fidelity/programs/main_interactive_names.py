import sys

print(hasattr(sys, "ps1"), sys.flags.interactive, sys.stdin.isatty(), sys.stdout.isatty())
print(sys.stdout.line_buffering, sys.stderr.line_buffering, sys.stdout.write_through)
