import resource

for name in ("RLIMIT_STACK", "RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_CPU", "RLIMIT_FSIZE"):
    print(name, resource.getrlimit(getattr(resource, name))[0])
