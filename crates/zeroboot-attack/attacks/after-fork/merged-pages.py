# Looks whether the kernel merges its pages with others', which tells by time what they hold.
with refused():
    value = call("prctl", 68, 0, 0, 0, 0)
    through("merging is on") if value else held("merging is off")
