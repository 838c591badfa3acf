import os


class Cleaner:
    def __init__(self, path):
        self.path = path

    def __del__(self):
        os.unlink(self.path)
        print("removed", os.path.exists(self.path))


open("work.tmp", "w").close()
cleaner = Cleaner("work.tmp")
