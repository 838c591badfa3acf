# Writes 512 MiB into a file that is only memory.
with refused():
    descriptor = os.memfd_create("attack")
    block, written = b"x" * (1 << 20), 0
    while written < 512 << 20:
        written += os.write(descriptor, block)
    through("%d MiB" % (written >> 20))
