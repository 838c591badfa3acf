import array
import os
import socket

left, right = socket.socketpair()
reader, writer = os.pipe()
left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [writer]))])
_, ancillary, _, _ = right.recvmsg(1, 100)
received = array.array("i", ancillary[0][2])[0]
os.write(received, b"by the other end")
print(os.read(reader, 100))
