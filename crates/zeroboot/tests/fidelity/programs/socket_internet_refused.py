# policy: strict has no network, and refuses internet sockets
# inside: stdout "PermissionError 1\n"
import socket

try:
    socket.socket(socket.AF_INET).close()
    print("made")
except OSError as error:
    print(type(error).__name__, error.errno)
