# Opens a device in a directory that is shown read-only.
shown = "/opt/shown" if os.path.isdir("/opt/shown") else CANARY["shown"]
if not os.path.exists(shown + "/zero"):
    skipped("no directory with a device is shown")
errors = set()
for flags in (os.O_RDONLY, os.O_WRONLY):
    try:
        os.open(shown + "/zero", flags)
        through("opened, flags %d" % flags)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
