import signal

count = 0


def handler(number, frame):
    global count
    count += 1


signal.signal(signal.SIGVTALRM, handler)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.001)
while count < 3:
    pass
signal.setitimer(signal.ITIMER_VIRTUAL, 0)
print("three at least")
