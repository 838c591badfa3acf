import gc

gc.disable()


class Loud:
    def __del__(self):
        print("gone without the collector")


loud = Loud()
loud.itself = loud
del loud
print("end")
