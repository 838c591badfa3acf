# Opens the netlink families of audit, devices and packet filters.
errors = set()
for family in (9, 15, 12, 6, 16):
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family).close()
        through("netlink family %d" % family)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
