# Has the whole machine write its disks.
with refused():
    call("sync")
    through("every file system was flushed")
