import sys
import zipfile

with zipfile.ZipFile("bundle.zip", "w") as bundle:
    bundle.writestr("inside_zip.py", "def work():\n    return __file__\n")
sys.path.insert(0, "bundle.zip")
import inside_zip

print(inside_zip.work())
