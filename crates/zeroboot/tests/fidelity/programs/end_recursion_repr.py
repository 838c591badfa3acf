a = []
for _ in range(100000):
    a = [a]
try:
    repr(a)
except RecursionError as error:
    print(type(error).__name__)
