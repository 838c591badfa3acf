# Asks the kernel for its network interfaces.
with refused():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.bind((0, 0))
        through("a netlink socket")
