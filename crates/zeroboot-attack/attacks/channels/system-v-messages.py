# Leaves a message for a sibling under a System V key.
# part: victim
with refused():
    queue = call("msgget", 0x5A424154, 0o1000 | 0o666)
    call("msgsnd", queue, struct.pack("q", 1) + NONCE.encode(), 16, 0)
# part: attacker
with refused():
    queue = call("msgget", 0x5A424154, 0)
    for _ in range(4):
        message = ctypes.create_string_buffer(64)
        try:
            size = call("msgrcv", queue, message, 56, 0, 0o4000)
        except OSError as error:
            break
        if message.raw[8:8 + size] != NONCE.encode():
            call("msgctl", queue, 0, None)
            through("a sibling says %r" % message.raw[8:8 + size])
    call("msgctl", queue, 0, None)
held("only its own messages")
