# Keeps all descriptors on their way that its user may: another sandbox can pass none.
# part: greedy
held_back = keep_in_flight(0, 100_000)
# part: other
try:
    near, far = socket.socketpair()
    send_descriptors(near, [0])
    held("the other one has passed a descriptor")
except OSError as error:
    through("the other one passes no descriptor: %s" % name_of(error))
