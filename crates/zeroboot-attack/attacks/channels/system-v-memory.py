# Leaves memory for a sibling under a System V key.
# part: victim
KEY, IPC_CREAT, IPC_EXCL, IPC_RMID = 0x5A424154, 0o1000, 0o2000, 0
with refused():
    try:
        segment = call("shmget", KEY, 4096, IPC_CREAT | IPC_EXCL | 0o666)
    except FileExistsError:
        through("the key was made by a sibling")
# part: attacker
with refused():
    segment = call("shmget", 0x5A424154, 0, 0)
    call("shmctl", segment, 0, None)
    # Where both play both parts, each removes what it finds: the maker may find its own.
    held("only its own") if "IPC_EXCL" in globals() else through("a sibling's memory, number %d" % segment)
