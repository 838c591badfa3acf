# Sends and takes a byte out of band on a unix socket, which no script needs and the kernel got wrong before.
near, far = socket.socketpair()
with refused():
    near.send(b"x", socket.MSG_OOB)
    through("sent, and taken: %r" % far.recv(1, socket.MSG_OOB))
