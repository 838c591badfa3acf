# Looks whether the leader of its session and group is somebody outside, whom its signals then reach.
own = {os.getpid(), os.getppid() or os.getpid()}
if os.getsid(0) == os.getpid() or os.getsid(0) == 1:
    held("it leads a session of its own")
through("session %d, group %d: the leader is outside" % (os.getsid(0), os.getpgrp()))
