# Writes 128 MiB to standard output.
line = b"x" * 4095 + b"\n"
for _ in range(256 * 128):
    os.write(1, line)
through("128 MiB were taken")
