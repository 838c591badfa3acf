# Sets up an io_uring, whose operations no filter sees.
with refused():
    call("io_uring_setup", 4, ctypes.create_string_buffer(120))
    through("a ring")
