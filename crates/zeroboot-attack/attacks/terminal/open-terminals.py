# Opens terminals by their names.
errors, places = set(), ["/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/ttyS0"]
with contextlib.suppress(OSError):
    places += [os.path.join("/dev/pts", name) for name in os.listdir("/dev/pts") if name != "ptmx"]
for place in places:
    try:
        os.close(os.open(place, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
        through("%s is open" % place)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
