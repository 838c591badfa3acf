import os
import threading

print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), len(os.sched_getaffinity(0)) == os.cpu_count())
print(os.nice(3), os.nice(0))
