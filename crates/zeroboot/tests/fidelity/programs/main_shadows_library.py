open("token_shadow.py", "w").write("who = 'mine'\n")
open("colorsys.py", "w").write("who = 'mine'\n")
import colorsys

print(colorsys.who)
