for number in range(20000):
    print("line", number, "x" * 20)
