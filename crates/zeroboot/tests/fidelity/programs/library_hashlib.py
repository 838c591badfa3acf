# long: yes
import hashlib
import hmac
import zlib

for name in sorted(hashlib.algorithms_guaranteed):
    if not name.startswith("shake"):
        print(name, hashlib.new(name, b"text").hexdigest()[:32])
print(hmac.new(b"key", b"text", "sha256").hexdigest(), zlib.crc32(b"text"))
print(hashlib.pbkdf2_hmac("sha256", b"p", b"s", 1000).hex(), hashlib.scrypt(b"p", salt=b"s", n=16, r=1, p=1).hex()[:16])
