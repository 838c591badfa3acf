# Throws pages of the common tree out of memory, for every neighbour (POSIX_FADV_DONTNEED).
import resource

rare = sorted(each for each in os.listdir(os.path.dirname(os.__file__)) if each.endswith("lib.py"))
file = os.open(os.path.join(os.path.dirname(os.__file__), rare[0]), os.O_RDONLY)


def from_disk():
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock


with refused():
    # Success may be a word only: what counts is whether the next read comes from the disk.
    os.pread(file, 1 << 20, 0)
    call("fadvise64", file, 0, 0, 4)
    before = from_disk()
    os.pread(file, 1 << 20, 0)
    held("its pages stay in memory") if from_disk() == before else through("%s was read from the disk again" % rare[0])
