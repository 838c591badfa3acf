# Locks everything that it will ever map.


def lock():
    call("mlockall", 2)
    return len(bytearray(16 << 20)) and "all"


with refused():
    try:
        through(in_child(lock))
    except RuntimeError as error:
        held(error)
