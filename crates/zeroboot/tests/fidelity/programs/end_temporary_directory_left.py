import os
import tempfile

place = tempfile.TemporaryDirectory(dir=".", prefix="kept")
print(os.path.isdir(place.name))
print(len(os.listdir(".")))
