# Makes system calls with the x32 bit, which hides their numbers from many filters.
if not X86:
    skipped("this machine has no such calls")
X32 = 0x40000000
errors = set()
# getpid, socket, and unshare in their x32 numbers.
for number, arguments in ((39, ()), (41, (1, 1, 0)), (272, (0,))):
    try:
        answer = in_child(lambda: call(X32 | number, *arguments))
        through("x32 call %d answers %s" % (number, answer))
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
