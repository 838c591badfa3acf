# Reserves processor time with a deadline policy.
with refused():
    request = struct.pack("IIQiIQQQ", 48, 6, 0, 0, 0, 1_000_000, 100_000_000, 100_000_000)
    in_child(lambda: call("sched_setattr", 0, request, 0))
    through("a reservation")
