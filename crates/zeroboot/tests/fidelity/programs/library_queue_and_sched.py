# long: yes
import queue
import sched
import time

scheduler = sched.scheduler(time.monotonic, time.sleep)
scheduler.enter(0.02, 1, print, ("second",))
scheduler.enter(0.01, 1, print, ("first",))
scheduler.run()
waiting = queue.PriorityQueue()
for each in (3, 1, 2):
    waiting.put(each)
print([waiting.get() for _ in range(3)])
waiting.get_nowait()
