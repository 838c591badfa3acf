# Changes the mode of a device node that every sandbox shares.
with refused():
    os.chmod("/dev/null", stat.S_IMODE(os.stat("/dev/null").st_mode))
    through("the mode of /dev/null was set")
