# long: yes
import sys
import threading

threading.stack_size(64 << 20)
sys.setrecursionlimit(10**6)


def down(n):
    return 0 if n == 0 else 1 + down(n - 1)


def work():
    print(down(20000))


thread = threading.Thread(target=work)
thread.start()
thread.join()
