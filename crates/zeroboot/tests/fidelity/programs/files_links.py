# files: yes
import os
import pathlib

here = pathlib.Path(".")
(here / "target").write_text("x")
(here / "link").symlink_to("target")
(here / "dangling").symlink_to("nowhere")
(here / "loop").symlink_to("loop")
print((here / "link").resolve(), (here / "dangling").exists(), os.path.lexists("dangling"))
try:
    open("loop")
except OSError as error:
    print(error)
