import threading

print(threading.stack_size(), threading.stack_size(1 << 20), threading.stack_size())
