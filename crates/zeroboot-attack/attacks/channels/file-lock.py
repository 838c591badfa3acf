# Locks a file of the common tree; a sibling sees the lock (flock).
# part: victim
import fcntl

PATH = os.path.realpath(os.__file__)
lock = os.open(PATH, os.O_RDONLY)
with refused():
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        through("a sibling holds the lock of %s" % PATH)
# part: attacker
import fcntl

if "lock" not in globals():
    PATH = os.path.realpath(os.__file__)
    probe = os.open(PATH, os.O_RDONLY)
    with refused():
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            through("a sibling holds the lock of %s" % PATH)
held("no lock of a sibling is seen")
