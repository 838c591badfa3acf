# stdin: "for the child\n"
import subprocess

print(subprocess.check_output(["cat"], text=True), end="")
