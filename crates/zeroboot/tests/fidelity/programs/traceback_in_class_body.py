class Thing:
    value = 1 / 0
