# Asks whether any other process takes a signal from it (signal 0 to all).
with refused():
    os.kill(-1, 0)
    through("somebody would take a signal")
