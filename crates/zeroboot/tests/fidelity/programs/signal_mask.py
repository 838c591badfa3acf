import signal

print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
signal.raise_signal(signal.SIGUSR1)
print([each.name for each in signal.sigpending()])
print(signal.sigwait([signal.SIGUSR1]).name)
