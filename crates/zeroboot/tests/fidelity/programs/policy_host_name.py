# policy: a sandbox has a host name of its own, as every sandbox has
# inside: stdout "sandbox\n"
import platform

print(platform.node() if platform.node() == "sandbox" else "another")
