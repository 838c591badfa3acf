import os
import socket
import threading

server = socket.socket(socket.AF_UNIX)
server.bind("socket")
server.listen()


def serve():
    connection, _ = server.accept()
    connection.sendall(connection.recv(100).upper())
    connection.close()


thread = threading.Thread(target=serve)
thread.start()
client = socket.socket(socket.AF_UNIX)
client.connect("socket")
client.sendall(b"hello")
print(client.recv(100), client.getpeername(), oct(os.stat("socket").st_mode))
thread.join()
