# Chooses another line discipline for a terminal of its own: old drivers of modems and of networks over serial lines.
with refused("no terminal"):
    near, far = os.openpty()
errors = set()
for number in range(32):
    for command in (0x5423, 0x5423 | 1 << 32):
        try:
            ioctl(far, command, ctypes.byref(ctypes.c_int(number)))
            through("number %d" % number)
        except OSError as error:
            errors.add(name_of(error))
held(", ".join(sorted(errors)))
