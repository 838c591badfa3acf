if True:
    print("no newline at the end")