# Starts up to 600 sleeping threads.
MOST, stop = 600, threading.Event()
threading.stack_size(64 << 10)
count, problem = 0, None
try:
    while count < MOST:
        threading.Thread(target=stop.wait, daemon=True).start()
        count += 1
except RuntimeError as error:
    problem = "%s after %d threads" % (error, count)
stop.set()
held(problem) if problem else through("%d threads" % MOST)
