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

    limits = resource.getrlimit(resource.RLIMIT_CORE)
    # A limit of 0 does not keep the host's handler from running.
    held("it may be dumped, but nothing does") if limits == (1, 1) else through("dumpable is %s" % answer)
