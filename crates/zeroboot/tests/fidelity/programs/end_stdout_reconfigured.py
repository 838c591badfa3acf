import sys

sys.stdout.reconfigure(encoding="utf-16-le", newline="\r\n")
print("h\u00e4")
sys.stdout.reconfigure(encoding="ascii", errors="backslashreplace")
print("h\u00e4")
