"""Writes to every page of the template's 100 MB, so that each is copied, and says how long that took.

Run it with its warm-up file: zeroboot run --warm examples/storms/memory.py examples/storms/rewrite.py
"""

import time

from warm import SIZE, area

PAGE = 4096

start = time.perf_counter()
pages = range(0, SIZE, PAGE)
for offset in pages:
    area[offset] = 1
elapsed = time.perf_counter() - start

print(f"{SIZE // 1000 // 1000} MB, {len(pages)} pages copied in {elapsed * 1000:.1f} ms")
