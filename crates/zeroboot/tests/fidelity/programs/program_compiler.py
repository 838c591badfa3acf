# long: yes
# needs: program cc
import subprocess

open("x.c", "w").write('#include <stdio.h>\nint main(void) { puts("compiled"); return 5; }\n')
subprocess.run(["cc", "-o", "x", "x.c"], check=True)
print(subprocess.run(["./x"], capture_output=True))
