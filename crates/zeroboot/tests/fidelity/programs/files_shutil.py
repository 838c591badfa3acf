# files: yes
import os
import shutil

os.makedirs("source/deep")
open("source/deep/x.txt", "w").write("x")
shutil.copytree("source", "copy")
shutil.move("copy/deep", "moved")
print(shutil.make_archive("bundle", "tar", "source"))
os.unlink("bundle.tar")
shutil.rmtree("source")
print(sorted(os.listdir(".")))
