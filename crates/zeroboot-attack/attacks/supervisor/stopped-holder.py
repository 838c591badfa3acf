# Ends, and leaves a stopped process behind that holds its streams.
child = os.fork()
if child == 0:
    os.setsid()
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(60)
    os._exit(0)
os.waitpid(child, os.WUNTRACED)
held("its command has ended")
