# Sets capabilities with capset: all of them, and each alone.


def regain(bits):
    low, high = bits & 0xFFFFFFFF, bits >> 32
    call("capset", struct.pack("Ii", 0x20080522, 0), struct.pack("6I", low, low, 0, high, high, 0))
    return status_of()["CapEff"]


errors = set()
for bits in [(1 << 41) - 1] + [1 << number for number in range(41)]:
    try:
        through("CapEff %s" % in_child(lambda: regain(bits)))
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
