# Moves a file of its own into the tree.
source, target = scratch_file(), scratch(directory="/usr")
errors = set()
for directory in ("/usr", "/etc", "/"):
    target = scratch(directory=directory)
    try:
        os.rename(source, target)
        through("moved to %s" % target)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
