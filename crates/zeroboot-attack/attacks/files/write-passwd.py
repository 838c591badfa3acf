# Opens the table of users for writing.
with refused():
    os.close(os.open("/etc/passwd", os.O_RDWR))
    through("/etc/passwd is open for writing")
