# files: yes
import mmap

with open("mapped.bin", "w+b") as file:
    file.truncate(8192)
    with mmap.mmap(file.fileno(), 0) as view:
        view[:5] = b"hello"
        view[8190:] = b"ok"
        print(view.find(b"ok"), view.size())
        view.flush()
with mmap.mmap(-1, 4096) as anonymous:
    anonymous.write(b"x")
    print(anonymous[0])
