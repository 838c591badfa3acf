# Opens a performance counter on itself.
with refused():
    call("perf_event_open", struct.pack("IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0)
    through("a counter")
