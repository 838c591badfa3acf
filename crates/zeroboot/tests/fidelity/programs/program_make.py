# long: yes
# needs: program make
import subprocess

open("Makefile", "w").write("all: a b\n\t@echo all\na b:\n\t@echo $@ > $@\n")
print(subprocess.check_output(["make", "-s", "-j2"], text=True))
