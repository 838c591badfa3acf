import os

for name in ("b/2", "a/1", "a/c/3"):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    open(name, "w").close()
for directory, below, names in sorted(os.walk(".")):
    print(directory, sorted(below), sorted(names))
with os.scandir("a") as entries:
    print(sorted((entry.name, entry.is_dir()) for entry in entries))
