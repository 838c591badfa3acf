import os
import shutil

about = os.statvfs(".")
print(about.f_namemax, about.f_frsize >= 512, shutil.disk_usage(".").free > 0)
