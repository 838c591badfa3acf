from multiprocessing import shared_memory

block = shared_memory.SharedMemory(create=True, size=64)
block.buf[:5] = b"hello"
again = shared_memory.SharedMemory(name=block.name)
print(bytes(again.buf[:5]))
again.close()
block.close()
block.unlink()
