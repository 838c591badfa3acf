import getpass
import grp
import os
import pwd

entry = pwd.getpwuid(os.getuid())
print(entry.pw_name == getpass.getuser(), entry.pw_dir == os.path.expanduser("~" + entry.pw_name), entry.pw_dir)
print(bool(grp.getgrgid(os.getgid()).gr_name), entry.pw_gid == os.getgid())
