# Reads the environment of process 1.
if os.getpid() == 1:
    held("process 1 is this one")
with refused():
    with open("/proc/1/environ", "rb") as file:
        text = file.read()
    through("%d bytes" % len(text)) if text else held("it has none")
