import cProfile
import pstats
import sys


def work():
    return sorted([3, 1, 2])


profile = cProfile.Profile()
profile.runcall(work)
stats = pstats.Stats(profile, stream=sys.stdout)
print(sorted((name, calls) for (_, _, name), (calls, *_) in stats.stats.items()))
