# Reads through symbolic links that lead to what the tree does not show.
errors = set()
for target in ("/etc/shadow", "/proc/1/root/etc/shadow", CANARY["file"], "/proc/1/cwd/etc/shadow"):
    path = scratch()
    os.symlink(target, path)
    try:
        with open(path, "rb") as file:
            through("%s has %d bytes" % (target, len(file.read())))
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
