print("before")
raise ValueError("words", 2)
