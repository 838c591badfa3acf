# Changes the options of /proc as a whole: which names it has, and for whom.
FSPICK, REMOUNT = 433, 32
errors = set()
try:
    context = call(FSPICK, -100, b"/proc", 1)
    call("fsconfig", context, 1, b"hidepid", b"0", 0)
    call("fsconfig", context, 7, None, None, 0)
    through("its options were set by descriptor")
except OSError as error:
    errors.add(name_of(error))
try:
    call("mount", b"none", b"/proc", None, REMOUNT, b"hidepid=0")
    through("it was mounted again")
except OSError as error:
    errors.add(name_of(error))
held(", ".join(sorted(errors)))
