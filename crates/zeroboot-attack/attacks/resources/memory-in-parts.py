# Writes 1 GiB of memory in eight processes, each below a limit that counts per process.
pids, reader_end = [], os.pipe()
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(MemoryError):
            block = bytearray(128 << 20)
            block[::4096] = b"x" * ((128 << 20) // 4096)
            os.write(reader_end[1], b"+")
            time.sleep(15)
        os._exit(0)
    pids.append(pid)
os.close(reader_end[1])
got, until = 0, time.monotonic() + 10
while got < 8 and time.monotonic() < until:
    if select.select([reader_end[0]], [], [], 0.5)[0]:
        said = os.read(reader_end[0], 8)
        if not said:
            break
        got += len(said)
reap(pids)
through("1 GiB in eight processes") if got == 8 else held("%d of eight got their share" % got)
