# Reads how much memory all sockets of the machine take.
with refused():
    with open("/proc/self/net/sockstat") as file:
        told = re.search(r"TCP: .* mem (\d+)", file.read())
    through("%s pages" % told.group(1)) if told else held("there is no such line")
