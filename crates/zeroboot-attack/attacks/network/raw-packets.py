# Opens a socket for packets of its own making.
with refused():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    through("a raw socket")
