# Gives a system program an extended attribute.
path = os.path.realpath("/usr/bin/env")
with refused():
    os.setxattr(path, "user.attack", b"1")
    os.removexattr(path, "user.attack")
    through("an attribute of %s was set" % path)
