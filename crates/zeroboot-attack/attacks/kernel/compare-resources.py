# Compares kernel addresses of resources with kcmp.
with refused():
    call("kcmp", os.getpid(), os.getpid(), 1, 0, 0)
    through("compared")
