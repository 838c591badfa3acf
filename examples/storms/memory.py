"""A warm-up file: 100 MB of memory that every sandbox shares with its template until it writes."""

SIZE = 100 * 1000 * 1000
area = bytearray(b"x") * SIZE
