# Maps user 0 of the host into its user namespace.
with refused():
    with open("/proc/self/uid_map", "w") as file:
        file.write("0 0 1\n")
    through("the map was written")
