# Takes memory that even the kernel cannot see.
with refused():
    call("memfd_secret", 0)
    through("secret memory")
