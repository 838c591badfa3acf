# Makes a further session keyring with keyctl.
with refused():
    through("keyring %s" % in_child(lambda: call("keyctl", 1, 0)))
