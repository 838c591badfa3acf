# policy: a fork has the command line of its template, which only an exec changes
# inside: stdout "False\n"
with open("/proc/self/cmdline", "rb") as file:
    print(b"names_command_line.py" in file.read())
