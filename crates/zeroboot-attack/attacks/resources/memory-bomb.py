# Writes up to 1.5 GiB of memory.
STEP, MOST, taken = 32 << 20, 1536 << 20, []
try:
    while len(taken) * STEP < MOST:
        block = bytearray(STEP)
        block[::4096] = b"x" * (STEP // 4096)
        taken.append(block)
except MemoryError:
    held("no memory after %d MiB" % (len(taken) * STEP >> 20))
through("%d MiB" % (len(taken) * STEP >> 20))
