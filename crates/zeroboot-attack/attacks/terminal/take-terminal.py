# Makes an inherited terminal its own, as the leader of a session.


def take():
    errors = set()
    with contextlib.suppress(OSError):
        os.setsid()
    for descriptor in range(0, 16):
        try:
            ioctl(descriptor, 0x540E, 0)
            return "=%d" % descriptor
        except OSError as error:
            errors.add(name_of(error))
    return ", ".join(sorted(errors))


with refused():
    answer = in_child(take)
    through("descriptor %s" % answer[1:]) if answer[:1] == "=" else held(answer)
