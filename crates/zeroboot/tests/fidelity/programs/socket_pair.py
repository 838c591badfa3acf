import socket

left, right = socket.socketpair()
left.sendall(b"hello")
print(right.recv(10), left.family.name, left.type.name)
left.shutdown(socket.SHUT_WR)
print(right.recv(10))
