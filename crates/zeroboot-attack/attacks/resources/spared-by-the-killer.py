# Tells the kernel to end any other process first when memory runs out.


def spare():
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")
    return "-1000"


with refused():
    through("oom_score_adj %s" % in_child(spare))
