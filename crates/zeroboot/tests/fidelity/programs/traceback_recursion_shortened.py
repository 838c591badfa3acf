def down(n):
    if n:
        return down(n - 1)
    raise ValueError("at the bottom")


down(20)
