# Looks whether it may take a better priority than others, real-time ones included: as much as its supervisor may.
import resource

# RLIMIT_NICE counts from the other end: 20 is the ordinary priority.
limits = {"real-time": resource.getrlimit(14)[1], "nice": resource.getrlimit(13)[1]}
better = {name: limit for name, limit in limits.items() if limit < 0 or limit > (20 if name == "nice" else 0)}
through(better) if better else held(limits)
