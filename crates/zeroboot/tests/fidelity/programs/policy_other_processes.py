# policy: /proc shows the sandbox's own processes only
# inside: stdout "few\n"
import os

count = sum(name.isdigit() for name in os.listdir("/proc"))
print("few" if count <= 2 else "many")
