# Opens a device in a directory that is shown read-only.
device, errors = shown("zero"), set()
for flags in (os.O_RDONLY, os.O_WRONLY):
    try:
        kind = os.fstat(os.open(device, flags)).st_mode
        through("opened, flags %d" % flags) if stat.S_ISCHR(kind) else errors.add("it is no device")
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
