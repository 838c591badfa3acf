import atexit
import sys

atexit.register(lambda: print("handler runs"))
sys.exit("with words")
