# long: yes
import string

print(string.Template("$a ${b}").safe_substitute(a=1), "{0!r:>5} {x:^{w}}".format("a", x=1, w=5), f"{'a':*^9} {255:#x}")
print("%-5s|%05.1f|%x" % ("a", 3.14159, 255), "{:,}".format(10**9))
