# Takes user id 0.


def whose():
    with open("/proc/self/uid_map") as file:
        first = file.readline().split()
    return "the machine's root" if first == ["0", "0", "4294967295"] else "root of a namespace"


def take():
    os.setresuid(0, 0, 0)
    return whose()


with refused():
    who = whose() if os.geteuid() == 0 else in_child(take)
    through(who) if who == "the machine's root" or os.geteuid() else held("only " + who)
