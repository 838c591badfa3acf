# Gives a file of its own to root.
path = scratch_file()
with refused():
    os.chown(path, 0, 0)
    through("%s belongs to user 0" % path)
