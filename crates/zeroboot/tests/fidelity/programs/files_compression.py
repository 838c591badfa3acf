import bz2
import gzip
import lzma
import zlib

data = b"hello " * 1000
print(len(zlib.compress(data)), zlib.crc32(data), zlib.adler32(data))
print(bz2.decompress(bz2.compress(data)) == data, lzma.decompress(lzma.compress(data)) == data)
print(gzip.compress(b"x", mtime=0).hex())
