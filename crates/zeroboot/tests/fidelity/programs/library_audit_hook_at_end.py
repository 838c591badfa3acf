import sys

sys.addaudithook(lambda event, arguments: print(event, file=sys.stderr) if event.startswith("cpython.") else None)
print("end")
