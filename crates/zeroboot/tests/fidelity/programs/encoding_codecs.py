import codecs

print(codecs.encode("hello", "rot13"), codecs.decode(b"aGk=", "base64"))
for name in ["utf-8-sig", "utf-16", "cp1252", "shift_jis", "idna", "punycode"]:
    print(name, "b\u00fccher".encode(name, "replace"))
