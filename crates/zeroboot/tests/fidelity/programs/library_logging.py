# files: yes
import logging
import sys

logging.warning("to standard error")
log = logging.getLogger("own")
handler = logging.FileHandler("own.log")
handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(funcName)s:%(lineno)d:%(message)s:%(processName)s:%(threadName)s"))
log.addHandler(handler)
log.setLevel(logging.DEBUG)


def work():
    log.debug("detail %d", 1)
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("it failed")


work()
logging.shutdown()
