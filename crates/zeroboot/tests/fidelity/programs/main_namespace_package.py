import os

os.makedirs("spaced/deep")
open("spaced/deep/leaf.py", "w").write("name = __name__\n")
from spaced.deep import leaf

import spaced

print(leaf.name, list(spaced.__path__))
