# Looks whether its own loader variables would reach a privileged program.
if status_of().get("NoNewPrivs") == "1":
    held("no_new_privs: no program is privileged")
if os.geteuid() == 0:
    skipped("it is root already: run this as an ordinary user")
found = [path for path in ("/usr/bin/su", "/bin/su", "/usr/bin/mount", "/usr/bin/passwd")
         if os.path.exists(path) and os.stat(path).st_mode & stat.S_ISUID
         and not os.statvfs(path).f_flag & os.ST_NOSUID]
through("%s would run privileged in an environment of one's choice" % found) if found else held("no such program")
