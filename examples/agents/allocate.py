"""Allocates 100 MB, writes to every page, and says how long that took."""

import time

SIZE = 100 * 1000 * 1000
PAGE = 4096

start = time.perf_counter()
memory = bytearray(SIZE)
pages = range(0, SIZE, PAGE)
for offset in pages:
    memory[offset] = 1
elapsed = time.perf_counter() - start

assert sum(memory) == len(pages)
print(f"{SIZE // 1000 // 1000} MB, {len(pages)} pages written in {elapsed * 1000:.1f} ms")
