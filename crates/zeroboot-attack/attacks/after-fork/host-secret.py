# Searches its own memory, which was the template's, for the secret of whoever started that.
count = 0
for name, text in writable_memory():
    count += len(text)
    for found in re.finditer(rb"CANARY[-][0-9a-f]{32}", text):
        if found.group()[::-1].decode() == CANARY["secret_reversed"]:
            through("it stands in %s" % (name or "anonymous memory"))
held("not in %d KiB of writable memory" % (count >> 10))
