# Makes up to 100,000 empty files in /tmp, which cost the kernel memory and no space.
MOST, place, count, problem = 100_000, scratch(), 0, None
os.mkdir(place)
until = time.monotonic() + 20
try:
    while count < MOST and time.monotonic() < until:
        os.close(os.open("%s/%d" % (place, count), os.O_CREAT | os.O_WRONLY))
        count += 1
except OSError as error:
    problem = "%s after %d files" % (name_of(error), count)
for number in range(count):
    os.unlink("%s/%d" % (place, number))
held(problem) if problem else through("%d files" % count)
