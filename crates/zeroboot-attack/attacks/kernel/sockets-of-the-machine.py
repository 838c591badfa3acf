# Reads how much memory all sockets of the machine take.
with refused():
    with open("/proc/self/net/sockstat") as file:
        said = re.search(r"TCP: .* mem (\d+)", file.read())
    through("%s pages" % said.group(1)) if said else held("there is no such line")
