# long: yes
# needs: program perl
import subprocess

print(subprocess.check_output(["perl", "-e", "print join(',', map { $_ * 2 } 1..5), \"\\n\""], text=True))
