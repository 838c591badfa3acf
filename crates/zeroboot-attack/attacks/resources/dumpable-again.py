# Makes its memory visible again to the crash handler and to tracers.


def dumpable():
    call("prctl", 4, 1, 0, 0, 0)
    return call("prctl", 3, 0, 0, 0, 0)


with refused():
    try:
        answer = in_child(dumpable)
    except OSError as error:
        held(name_of(error))
    import resource

    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    through("dumpable is %s" % answer) if limit > 1 else held("it may be dumped, but a core has no room")
