# files: yes
import zipfile

with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
    info = zipfile.ZipInfo("x.txt", (1999, 12, 31, 23, 59, 58))
    bundle.writestr(info, "text" * 100)
with zipfile.ZipFile("a.zip") as bundle:
    print(bundle.namelist(), bundle.testzip(), bundle.read("x.txt")[:8])
    bundle.extractall("out")
