# Sets the domain name, to what it is.
name = ctypes.create_string_buffer(390)
LIBC.uname(name)
domain = name.raw[325:390].split(b"\0")[0]
with refused():
    call("setdomainname", domain, len(domain))
    through("the domain name was set")
