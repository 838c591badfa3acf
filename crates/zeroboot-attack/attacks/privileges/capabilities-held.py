# Reads which capabilities it holds.
sets = {name: int(status_of().get(name, "0"), 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")}
found = {name: hex(value) for name, value in sets.items() if value}
through(found) if found else held("none in any set")
