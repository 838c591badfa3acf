# Watches the common tree, which tells what siblings open.
IN_OPEN = 0x20
with refused():
    watch = call("inotify_init1", os.O_NONBLOCK)
    call("inotify_add_watch", watch, b"/usr/bin", IN_OPEN)
    through("/usr/bin is watched")
