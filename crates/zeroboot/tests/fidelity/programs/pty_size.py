import fcntl
import os
import pty
import struct
import termios

controller, terminal = pty.openpty()
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
print(os.get_terminal_size(controller))
print(termios.tcgetattr(terminal)[3] & termios.ECHO != 0)
