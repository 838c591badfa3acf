# Makes a system call by the gate of 32-bit programs, which many filters forget.
import mmap

if not X86:
    skipped("this machine has no such gate")
# push rbx; mov eax, 20 (getpid there); int 0x80; pop rbx; ret
CODE = bytes.fromhex("53b814000000cd805bc3")


def gate():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(CODE)
    function = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    answer = ctypes.c_int(function()).value
    if answer < 0:
        raise OSError(-answer, os.strerror(-answer))
    if answer != os.getpid():
        raise OSError(errno.ENOSYS, "another answer")
    return answer


with refused():
    through("getpid by int 0x80 says %s" % in_child(gate))
