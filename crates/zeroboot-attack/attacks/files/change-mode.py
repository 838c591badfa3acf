# Sets the mode of a system program, to what it is.
path = os.path.realpath("/usr/bin/env")
with refused():
    os.chmod(path, stat.S_IMODE(os.stat(path).st_mode))
    through("the mode of %s was set" % path)
