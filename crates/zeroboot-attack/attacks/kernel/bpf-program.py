# Loads a bpf socket filter, which some kernels let anybody do.
with refused():
    code = ctypes.create_string_buffer(struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0))
    text = ctypes.create_string_buffer(b"GPL")
    head = struct.pack("IIQQ", 1, 2, ctypes.addressof(code), ctypes.addressof(text))
    call("bpf", 5, head + bytes(104), 128)
    through("a bpf program")
