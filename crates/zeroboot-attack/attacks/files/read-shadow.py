# Reads the password hashes of the host.
with refused():
    with open("/etc/shadow", "rb") as file:
        through("/etc/shadow has %d bytes" % len(file.read()))
