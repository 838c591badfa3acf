import sys

sys.setrecursionlimit(80)


def down(n):
    return down(n + 1)


down(0)
