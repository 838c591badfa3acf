# Opens up to 8192 descriptors.
descriptors = []
with refused():
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
try:
    while len(descriptors) < 8192:
        descriptors.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    count = len(descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    held("%s after %d descriptors" % (name_of(error), count))
through("8192 descriptors")
