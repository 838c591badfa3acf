# Makes up to 100,000 links in /tmp, which cost the kernel memory and no space.
MOST, place, count, problem = 100_000, scratch(), 0, None
os.mkdir(place)
until = time.monotonic() + 30
try:
    while count < MOST and time.monotonic() < until:
        os.symlink("nowhere", "%s/%d" % (place, count))
        count += 1
except OSError as error:
    problem = "%s after %d links" % (name_of(error), count)
for number in range(count):
    os.unlink("%s/%d" % (place, number))
if problem:
    held(problem)
if count < MOST:
    skipped("a machine on which %d links take half a minute" % count)
through("%d links" % count)
