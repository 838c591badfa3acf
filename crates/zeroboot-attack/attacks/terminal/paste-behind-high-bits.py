# The same, with bits set that the kernel ignores and a filter may compare.
TIOCLINUX = 0x541C
errors, places = set(), [0, 1, 2, 3]
with contextlib.suppress(OSError):
    places.append(os.open("/dev/tty", os.O_RDWR))


def answer(place, command):
    try:
        ioctl(place, command, ctypes.create_string_buffer(b"\x03"))
    except OSError as error:
        return name_of(error)
    through("descriptor %d takes it" % place)


for place in places:
    plain = answer(place, TIOCLINUX)
    for bit in (32, 40, 63):
        disguised = answer(place, TIOCLINUX | 1 << bit)
        if disguised != plain:
            through("bit %d hides the command from the filter: %s, not %s" % (bit, disguised, plain))
        errors.add(disguised)
held(", ".join(sorted(errors)))
