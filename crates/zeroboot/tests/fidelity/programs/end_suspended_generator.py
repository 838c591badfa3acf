def work():
    try:
        yield 1
    finally:
        print("finally of the generator")


suspended = work()
print(next(suspended))
