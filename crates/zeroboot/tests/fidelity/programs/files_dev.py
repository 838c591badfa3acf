for name in ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/full"):
    with open(name, "r+b", buffering=0) as file:
        try:
            wrote = file.write(b"x")
        except OSError as error:
            wrote = error
        print(name, len(file.read(4)), wrote)
