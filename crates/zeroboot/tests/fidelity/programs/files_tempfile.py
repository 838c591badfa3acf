# files: yes
import os
import tempfile

print(tempfile.gettempdir())
with tempfile.NamedTemporaryFile("w+", suffix=".txt") as file:
    file.write("temporary")
    file.seek(0)
    print(file.read(), oct(os.stat(file.name).st_mode))
with tempfile.TemporaryFile() as file:
    print(file.write(b"nameless"))
with tempfile.TemporaryDirectory(dir=".") as place:
    print(oct(os.stat(place).st_mode))
