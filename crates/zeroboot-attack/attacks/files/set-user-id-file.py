# Makes a set-user-id program where it would take effect.
path = scratch_file(0o700)
with refused():
    os.chmod(path, 0o4755)
if not os.stat(path).st_mode & stat.S_ISUID:
    held("the mode has no effect")
if os.statvfs(path).f_flag & os.ST_NOSUID:
    held("the file system is mounted nosuid")
if status_of().get("NoNewPrivs") == "1":
    held("no_new_privs")
through("%s is set-user-id, and its file system honours that" % path)
