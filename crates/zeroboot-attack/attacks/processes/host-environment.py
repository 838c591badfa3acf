# Looks for the secret that stands in the environment of whoever starts sandboxes.
for name, value in os.environ.items():
    if value[::-1] == CANARY["secret_reversed"]:
        through("%s passed from outside" % name)
for pid in processes():
    with contextlib.suppress(OSError):
        with open("/proc/%d/environ" % pid, "rb") as file:
            for word in file.read().split(b"\0"):
                if word.partition(b"=")[2][::-1].decode(errors="replace") == CANARY["secret_reversed"]:
                    through("in the environment of process %d" % pid)
held("it is in no environment that can be read")
