import atexit

atexit.register(print, "handler")
raise KeyboardInterrupt("with words")
