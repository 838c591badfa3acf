def work(*values):
    return sum(
        value
        for value in values
        if value / 0
    )


work(1,
     2)
