# long: yes
import re

print(re.findall(r"(?P<word>\w+)@(\w+)", "a@b \u00e4@\u00fc"), re.sub(r"\d+", lambda m: str(int(m[0]) * 2), "1 22"))
try:
    re.compile("(")
except re.error as error:
    print(error)
print(re.compile("a|b", re.I), re.split(r"\s*,\s*", "a , b,c"))
