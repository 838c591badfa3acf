# Ends, and leaves an orphan behind that holds its streams and takes no signal.
child = os.fork()
if child == 0:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
os.waitpid(child, 0)
held("its command has ended")
