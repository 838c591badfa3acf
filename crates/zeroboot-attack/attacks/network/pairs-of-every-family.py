# Makes pairs of sockets of families other than unix.
errors, passed = set(), []
for family in range(1, 48):
    for kind in (1, 2, 3, 5):
        for high in (0, 1 << 32):
            try:
                call(53 if X86 else 199, family | high, kind | high, 0, ctypes.create_string_buffer(8))
                if family != 1:
                    passed.append("%d/%d" % (family, kind))
            except OSError as error:
                errors.add(name_of(error))
through("family/type %s" % sorted(set(passed))[:8]) if passed else held(", ".join(sorted(errors)))
