# Makes up to 50,000 timers, which cost the kernel memory.


def timers():
    count = 0
    for _ in range(50_000):
        try:
            call(222 if X86 else 107, 1, None, ctypes.create_string_buffer(8))
            count += 1
        except OSError as error:
            return "%s after %d timers" % (name_of(error), count)
    return "all"


with refused():
    answer = in_child(timers, 20)
    through("50,000 timers") if answer == "all" else held(answer)
