# Waits on a page of a file of the common tree, and is woken by a sibling (futex).
PATH = os.path.realpath(os.__file__)
LIBC.mmap.restype = ctypes.c_void_p
page = LIBC.mmap(None, 4096, 1, 1, os.open(PATH, os.O_RDONLY), ctypes.c_long(0))
word = ctypes.c_uint32.from_address(page).value
WAIT, WAKE = 0, 1
# part: victim
waiter = os.fork()
if waiter == 0:
    with contextlib.suppress(OSError):
        call("futex", page, WAIT, word, struct.pack("qq", 10, 0))
    os._exit(0)
# part: attacker
with refused():
    woken = call("futex", page, WAKE, 100)
own = 0
if "waiter" in globals():
    reap([waiter])
    own = 1
through("a sibling waited on %s" % PATH) if woken > own else held("no sibling waits")
