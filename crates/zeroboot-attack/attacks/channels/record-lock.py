# Locks bytes of a file of the common tree; a sibling reads which (fcntl).
# part: victim
import fcntl

PATH = os.path.realpath(os.__file__)
MINE = int(NONCE[:4], 16)
lock = os.open(PATH, os.O_RDONLY)
with refused():
    fcntl.fcntl(lock, fcntl.F_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 1000 + MINE, 1, 0))
# part: attacker
import fcntl

probe = os.open(os.path.realpath(os.__file__), os.O_RDONLY)
with refused():
    answer = fcntl.fcntl(probe, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    kind, _, start, _, _ = struct.unpack("hhqqi4x", answer)
    if kind != fcntl.F_UNLCK:
        through("a sibling says %d" % (start - 1000))
held("no lock of a sibling is seen")
