# long: yes
import http.client
import socket
import threading

left, right = socket.socketpair()


def serve():
    right.recv(1000)
    right.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


thread = threading.Thread(target=serve)
thread.start()
connection = http.client.HTTPConnection("made.up")
connection.sock = left
connection.request("GET", "/")
print(connection.getresponse().read())
thread.join()
