# files: yes
import io
import tarfile

with tarfile.open("a.tar", "w") as bundle:
    info = tarfile.TarInfo("dir/x.txt")
    info.size = 4
    bundle.addfile(info, io.BytesIO(b"text"))
with tarfile.open("a.tar") as bundle:
    print(bundle.getnames())
    bundle.extractall("out", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
