# Ignores every signal and waits for 45 seconds.
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
time.sleep(45)
through("it still runs after 45 seconds")
