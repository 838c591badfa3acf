import os


class Holder:
    pass


holder = Holder()
holder.itself = holder
holder.file = os.fdopen(os.dup(1), "w")
holder.file.write("held by a cycle\n")
del holder
