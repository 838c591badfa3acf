import logging

log = logging.getLogger("own")
log.info("unseen")
log.error("seen %s")
log.error("bad %d", "x")
