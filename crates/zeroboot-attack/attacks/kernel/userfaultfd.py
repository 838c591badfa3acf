# Handles its own page faults, which widens races in the kernel.
UFFD_USER_MODE_ONLY = 1
with refused():
    call("userfaultfd", UFFD_USER_MODE_ONLY)
    through("a userfaultfd")
