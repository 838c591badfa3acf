# Watches a file system with fanotify.
FAN_REPORT_FID = 0x200
with refused():
    call("fanotify_init", FAN_REPORT_FID, os.O_RDONLY)
    through("a fanotify group")
