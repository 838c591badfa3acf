# Gets capabilities back by executing a program as what it is.
import subprocess

with refused():
    text = subprocess.run(["cat", "/proc/self/status"], stdout=subprocess.PIPE, timeout=5).stdout.decode()
    effective = re.search(r"CapEff:\t(\w+)", text).group(1)
    through("CapEff %s" % effective) if int(effective, 16) else held("none after execve either")
