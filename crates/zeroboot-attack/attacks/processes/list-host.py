# Looks for processes that are neither its own nor above it.
with refused():
    others = processes() - ancestors() - {1}
    names = []
    for pid in sorted(others):
        with contextlib.suppress(OSError):
            names.append(status_of(pid)["Name"])
    through("%d other processes: %s" % (len(others), names[:5])) if others else held("only its own processes")
