# Leaves a message for a sibling in a POSIX queue.
# part: victim
with refused():
    size = struct.pack("8q", 0, 4, 64, *[0] * 5)
    queue = call("mq_open", b"attack", os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, 0o666, size)
    call("mq_timedsend", queue, NONCE.encode(), 16, 0, None)
# part: attacker
with refused():
    queue = call("mq_open", b"attack", os.O_RDWR | os.O_NONBLOCK, 0, None)
    found = []
    with contextlib.suppress(OSError):
        for _ in range(4):
            message = ctypes.create_string_buffer(64)
            size = call("mq_timedreceive", queue, message, 64, None, None)
            found.append(message.raw[:size].decode())
    with contextlib.suppress(OSError):
        call("mq_unlink", b"attack")
    foreign = [text for text in found if text != NONCE]
through("a sibling says %s" % foreign[0]) if foreign else held("only its own messages")
