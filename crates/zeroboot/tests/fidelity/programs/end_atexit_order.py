import atexit

for number in range(4):
    atexit.register(print, "handler", number)
print("end")
