# policy: families beyond unix and the internet's are refused
# inside: stdout "PermissionError\n"
import socket

try:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()
    print("made")
except OSError as error:
    print(type(error).__name__)
