bad = eval("lambda x: x / 0")
bad(1)
