# Sets up a context of the older asynchronous input and output.
with refused():
    call("io_setup", 1, ctypes.create_string_buffer(8))
    through("a context")
