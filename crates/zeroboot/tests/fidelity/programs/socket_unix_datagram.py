import socket

server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind("datagrams")
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client.sendto(b"one", "datagrams")
print(server.recvfrom(100))
