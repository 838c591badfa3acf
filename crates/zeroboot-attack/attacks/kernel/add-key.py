# Adds a key to the session's keyring.
KEY_SPEC_PROCESS_KEYRING = -2
with refused():
    call("add_key", b"user", b"attack", b"x", 1, KEY_SPEC_PROCESS_KEYRING)
    through("a key")
