# Makes children that end with another signal than SIGCHLD, or with none.
passed, errors = [], set()
for number in (signal.SIGUSR1, signal.SIGRTMIN, signal.SIGIO):
    signal.signal(number, signal.SIG_IGN)
for number in (signal.SIGUSR1, signal.SIGRTMIN, signal.SIGIO, 0):
    try:
        clone(int(number))
        passed.append(str(int(number)))
    except OSError as error:
        errors.add(name_of(error))
through("signals " + ", ".join(passed)) if passed else held(", ".join(errors))
