# Opens a socket of every family but unix, and of every type that there is.
errors, passed = set(), []
for family in range(2, 48):
    for kind in (1, 2, 3, 5):
        try:
            socket.socket(family, kind).close()
            passed.append("%d/%d" % (family, kind))
        except OSError as error:
            errors.add(name_of(error))
through("family/type %s" % passed[:12]) if passed else held(", ".join(sorted(errors)))
