import atexit

atexit.register(print, "handler runs")
1 / 0
