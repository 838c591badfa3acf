# Takes the read-only mark off the tree with mount_setattr.
errors = set()
for place in (b"/usr", b"/", b"/proc"):
    try:
        call("mount_setattr", -100, place, 0, struct.pack("4Q", 0, 1, 0, 0), 32)
        through("%s is not read-only now" % place.decode())
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
