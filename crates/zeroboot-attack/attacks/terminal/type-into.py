# Types into the terminal of whoever started it.
TIOCSTI = 0x5412
errors, places = set(), [0, 1, 2, 3]
with contextlib.suppress(OSError):
    places.append(os.open("/dev/tty", os.O_RDWR))
for place in places:
    try:
        ioctl(place, TIOCSTI, ctypes.create_string_buffer(b"#"))
        through("descriptor %d takes it" % place)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
