# Gives a program of its own a capability in its attributes.
path = scratch_file(0o700)
with refused():
    os.setxattr(path, "security.capability", struct.pack("<5I", 0x02000001, 1 << 21, 0, 0, 0))
    if status_of().get("NoNewPrivs") == "1":
        held("no_new_privs")
    through("a file with CAP_SYS_ADMIN")
