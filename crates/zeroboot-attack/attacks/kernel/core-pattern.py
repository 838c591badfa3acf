# Opens the setting that names the program which handles crashes.
with refused():
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
    through("core_pattern is open for writing")
