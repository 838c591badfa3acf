# Looks for a route to the outside (an address for documentation; nothing is sent).
errors = set()
for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.connect((address, 9))
            through("there is a route, from %s" % udp.getsockname()[0])
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
