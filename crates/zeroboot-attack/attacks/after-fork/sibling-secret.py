# Searches its own memory for what a sibling keeps in its memory.
# part: victim
KEPT = "SIBLING" + "-KEEPS-" + NONCE
# part: attacker
for name, text in writable_memory():
    for found in re.finditer(rb"SIBLING[-]KEEPS[-]([0-9a-f]{16})", text):
        if found.group(1).decode() != NONCE:
            through("a sibling's secret in %s" % (name or "anonymous memory"))
held("nothing of a sibling")
