import threading

print(threading.main_thread(). name, threading.current_thread() is threading.main_thread())
print([thread.name for thread in threading.enumerate()])
print(threading.Thread().name, threading.Thread(target=len).name)
