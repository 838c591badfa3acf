import faulthandler
import sys

faulthandler.dump_traceback(file=sys.stderr, all_threads=False)
