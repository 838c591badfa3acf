# Maps the page at address 0, which the kernel's null pointers meet.
with refused():
    # Not by a libc wrapper, which Python would take for a null pointer: private, fixed, anonymous.
    call(9 if X86 else 222, 0, 4096, 3, 0x32, -1, 0)
    through("address 0 is mapped")
