# long: yes
# needs: program bash
import subprocess

print(subprocess.check_output(["bash", "-c", "a=(1 2 3); echo ${a[@]:1} ${#a[@]}; cat <(echo substituted); echo $BASHPID | grep -c ."], text=True))
