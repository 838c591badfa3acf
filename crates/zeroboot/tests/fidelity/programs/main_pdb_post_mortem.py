# stdin: "p value\nwhere\nq\n"
import pdb
import sys


def work():
    value = 17
    raise ValueError("look at me")


try:
    work()
except ValueError:
    pdb.post_mortem(sys.exc_info()[2])
