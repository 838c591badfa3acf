def work(name):
    try:
        yield name
    finally:
        print("finally", name)


suspended = [work("a"), work("b")]
for each in suspended:
    print(next(each))
