# Emulates another system, with weaker memory protection.
MMAP_PAGE_ZERO, READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE = 0x0100000, 0x0400000, 0x0040000
with refused():
    in_child(lambda: call("personality", MMAP_PAGE_ZERO | READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE))
    through("data is executable and addresses are fixed")
