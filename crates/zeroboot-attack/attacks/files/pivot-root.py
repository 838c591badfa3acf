# Exchanges the root directory for one of its own, with the old one below.
MS_BIND = 4096
place = scratch()
os.mkdir(place)
errors = set()
try:
    call("mount", place.encode(), place.encode(), None, MS_BIND, None)
except OSError as error:
    errors.add(name_of(error))
for new in (place, ".", "/tmp"):
    try:
        os.chdir(new)
        call("pivot_root", b".", b".")
        through("the root was exchanged for %s" % new)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
