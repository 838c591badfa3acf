# Reads the file that the suite has laid into the host's temporary directory.
with refused():
    with open(CANARY["file"]) as file:
        through("%s holds %d characters" % (CANARY["file"], len(file.read())))
