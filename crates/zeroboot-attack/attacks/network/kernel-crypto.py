# Opens a socket to the kernel's ciphers.
with refused():
    with socket.socket(38, socket.SOCK_SEQPACKET) as crypto:
        crypto.bind(("hash", "sha256"))
        through("a crypto socket")
