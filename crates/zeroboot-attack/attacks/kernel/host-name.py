# Sets the host name, to what it is.
name = os.uname().nodename.encode()
with refused():
    call("sethostname", name, len(name))
    through("the host name was set")
