

def _files():
    import os

    for directory, below, names in os.walk("."):
        below[:] = sorted(name for name in below if name != "__pycache__")
        for name in sorted(below + names):
            path = os.path.join(directory, name)
            # That the script itself is there is another program's matter.
            if path == os.path.join(".", os.path.basename(__file__)):
                continue
            about = os.lstat(path)
            if os.path.islink(path):
                held = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    held = repr(file.read())
            else:
                held = ""
            print("file", path, oct(about.st_mode), held)


_files()
