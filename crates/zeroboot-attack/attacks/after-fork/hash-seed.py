# Compares the seed of string hashes of two siblings: who knows it can make tables slow.
# part: both
mark("hash", hash("zeroboot") & 0xFFFFFFFFFFFFFFFF)
# part: attacker
held("every value differs")
