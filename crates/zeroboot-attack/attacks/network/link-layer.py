# Opens a socket on the link layer, which hears everything.
with refused():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).close()
    through("a packet socket")
