# Makes a hard link to a system program in a private directory.
errors = set()
for target in ("/usr/bin/env", os.path.realpath(os.__file__)):
    for directory in (tempfile.gettempdir(), os.path.expanduser("~")):
        try:
            os.link(target, scratch(directory=directory))
            through("a second name of %s in %s" % (target, directory))
        except OSError as error:
            errors.add(name_of(error))
held(", ".join(sorted(errors)))
