# Opens the files behind its memory, which are the template's, for writing.
errors, seen = set(), 0
for start, end, _, name in list(mapped()):
    if name.startswith("/"):
        seen += 1
        try:
            os.close(os.open("/proc/self/map_files/%x-%x" % (start, end), os.O_RDWR))
            through("%s is open for writing" % name)
        except OSError as error:
            errors.add(name_of(error))
held(", ".join(sorted(errors)) or "no file")
