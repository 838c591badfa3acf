# policy: a sandbox makes no namespaces, which open up much of the kernel
# inside: stdout "-1 EPERM\n"
import ctypes
import errno

libc = ctypes.CDLL(None, use_errno=True)
result = libc.unshare(0x10000000)
print(result, errno.errorcode.get(ctypes.get_errno(), 0))
