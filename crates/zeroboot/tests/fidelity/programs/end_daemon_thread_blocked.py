import queue
import threading

waiting = queue.Queue()
threading.Thread(target=waiting.get, daemon=True).start()
print("main is done")
raise SystemExit(8)
