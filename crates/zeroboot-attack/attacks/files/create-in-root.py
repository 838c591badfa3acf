# Creates a directory next to /usr.
path = scratch(directory="/")
with refused():
    os.mkdir(path)
    through("made %s" % path)
