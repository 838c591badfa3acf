# Keeps all descriptors on their way that its user may: nobody can hand over what the next sandbox needs to start.
# part: greedy
held_back = keep_in_flight(0, 100_000)
# part: other
held("the next sandbox has started")
