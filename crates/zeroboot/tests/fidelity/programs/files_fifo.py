import os
import threading

os.mkfifo("pipe")


def work():
    with open("pipe", "w") as file:
        file.write("through the pipe")


threading.Thread(target=work).start()
with open("pipe") as file:
    print(file.read())
