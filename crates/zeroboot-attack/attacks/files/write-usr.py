# Creates a file below /usr.
path = scratch(directory="/usr")
with refused():
    with open(path, "w") as file:
        file.write("attack")
    through("wrote %s" % path)
