# Looks for memory that it shares writably with somebody.
found = [name or "anonymous" for _, _, permissions, name in mapped() if permissions[1] + permissions[3] == "ws"]
through("shared: %s" % found) if found else held("no mapping is shared and writable")
