import signal

for number in sorted(signal.valid_signals()):
    try:
        name = signal.Signals(number).name
    except ValueError:
        continue
    handler = signal.getsignal(number)
    print(name, getattr(handler, "name", None) or getattr(handler, "__name__", handler))
