# Opens a socket to the hypervisor, which no network namespace bounds.
with refused():
    socket.socket(40, socket.SOCK_STREAM).close()
    through("a vsock socket")
