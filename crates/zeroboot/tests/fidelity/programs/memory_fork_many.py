# long: yes
import os

for number in range(30):
    pid = os.fork()
    if pid == 0:
        os._exit(number)
    status = os.waitpid(pid, 0)[1]
    assert os.waitstatus_to_exitcode(status) == number
print("all waited for")
