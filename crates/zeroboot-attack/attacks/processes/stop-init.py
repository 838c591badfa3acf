# Stops and kills process 1.
errors = set()
for number in (signal.SIGSTOP, signal.SIGKILL):
    try:
        os.kill(1, number)
    except OSError as error:
        errors.add(name_of(error))
time.sleep(0.2)
with refused():
    state = status_of(1)["State"]
    through("process 1 is %s" % state) if state[:1] in "TZ" else held(", ".join(errors) or "signals to it are ignored")
