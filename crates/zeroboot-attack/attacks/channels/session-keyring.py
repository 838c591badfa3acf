# Leaves a key for a sibling in the keyrings that they may share.
# part: victim
with refused():
    for ring in (-3, -4):
        # It goes with its keyring: to revoke it would hide it from a sibling that has not read it yet.
        call("add_key", b"user", b"sibling", NONCE.encode(), 16, ring)
# part: attacker
errors = set()
for ring in (-3, -4):
    try:
        found = call("keyctl", 10, ring, b"user", b"sibling", 0)
        text = ctypes.create_string_buffer(64)
        call("keyctl", 11, found, text, 64)
        through("a sibling says %r" % text.value) if text.value != NONCE.encode() else errors.add("only its own")
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
