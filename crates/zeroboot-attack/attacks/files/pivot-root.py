# Exchanges the root directory, with the old one below.
with refused():
    call("pivot_root", b".", b".")
    through("the root was exchanged")
