# Has the kernel run a program for each packet of a socket, and locks it there.
near, far = socket.socketpair()
program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xFFFFFFFF))
passed, errors = [], set()
for name, option, value in (
    ("attached", 26, struct.pack("HxxxxxxP", 1, ctypes.addressof(program))),
    ("locked", 44, struct.pack("i", 1)),
):
    try:
        near.setsockopt(socket.SOL_SOCKET, option, value)
        passed.append(name)
    except OSError as error:
        errors.add(name_of(error))
through(" and ".join(passed)) if passed else held(", ".join(sorted(errors)))
