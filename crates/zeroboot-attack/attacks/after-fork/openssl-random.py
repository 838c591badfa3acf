# Compares the random numbers of OpenSSL in two siblings, which have the same process id.
# part: both
try:
    import ssl
except ImportError:
    skipped("no ssl module here")
mark("openssl", ssl.RAND_bytes(16).hex())
# part: attacker
held("every value differs")
