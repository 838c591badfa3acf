# Leaves a process behind that speaks after the script has ended.
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(4)
    through("a process still runs four seconds after its script")
os.wait()
held("nothing outlived the script")
