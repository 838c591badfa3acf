# Makes children with flags that neither threads nor programs need.
FLAGS = {"CLONE_PTRACE": 0x2000, "CLONE_UNTRACED": 0x800000, "CLONE_IO": 0x80000000}
passed, errors = [], set()
for name, flag in FLAGS.items():
    try:
        clone(flag | signal.SIGCHLD)
        passed.append(name)
    except OSError as error:
        errors.add(name_of(error))
through(", ".join(passed)) if passed else held(", ".join(errors))
