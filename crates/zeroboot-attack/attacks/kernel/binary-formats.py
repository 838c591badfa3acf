# Opens the register of binary formats.
with refused():
    os.close(os.open("/proc/sys/fs/binfmt_misc/register", os.O_WRONLY))
    through("binfmt_misc is open for writing")
