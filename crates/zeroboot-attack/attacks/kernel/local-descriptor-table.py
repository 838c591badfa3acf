# Reads and writes its table of memory segments.
if not X86:
    skipped("this machine has no segments")
with refused():
    entry = struct.pack("4I", 0, 0, 0xFFFFF, 0x51)
    through("an entry was written: %s" % in_child(lambda: call("modify_ldt", 1, entry, 16)))
