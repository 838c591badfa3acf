import os

for action in (
    lambda: open("/etc/passwd", "a"),
    lambda: os.mkdir("/usr/mine"),
    lambda: os.unlink("/bin/sh"),
    lambda: os.setuid(0),
    lambda: os.chown(__file__, 0, 0),
    lambda: os.chroot("/"),
):
    try:
        action()
        print("done")
    except OSError as error:
        print("refused")
