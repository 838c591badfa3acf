# Takes the highest priority.
with refused():
    through("nice %s" % in_child(lambda: os.nice(-20)))
