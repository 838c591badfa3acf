import grp
import pwd

try:
    pwd.getpwnam("nobody-of-this-name")
except KeyError as error:
    print(error)
try:
    grp.getgrgid(987654)
except KeyError as error:
    print(error)
