# Opens the machine's ports with iopl and ioperm.
if not X86:
    skipped("this machine has no ports")
errors = set()
for name, arguments in (("iopl", (3,)), ("ioperm", (0x80, 1, 1))):
    try:
        in_child(lambda: call(name, *arguments))
        through(name)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
