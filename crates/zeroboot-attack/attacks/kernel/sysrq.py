# Opens the trigger of emergency keys (no key is pressed).
with refused():
    os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))
    through("sysrq-trigger is open for writing")
