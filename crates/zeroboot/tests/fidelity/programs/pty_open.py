import os
import pty

controller, terminal = pty.openpty()
print(os.isatty(terminal), os.isatty(controller))
os.write(terminal, b"hello\n")
print(os.read(controller, 100))
