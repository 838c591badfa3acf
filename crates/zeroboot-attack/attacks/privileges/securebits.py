# Sets the bits that keep capabilities over a change of user.
with refused():
    in_child(lambda: call("prctl", 28, 1 << 4, 0, 0, 0))
    through("securebits were set")
