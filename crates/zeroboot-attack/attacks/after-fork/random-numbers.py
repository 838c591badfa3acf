# Compares Python's random numbers of two siblings.
# part: both
import random

mark("random", random.getrandbits(128))
mark("float", random.random())
# part: attacker
held("every value differs")
