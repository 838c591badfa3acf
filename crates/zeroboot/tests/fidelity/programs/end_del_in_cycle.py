class Loud:
    def __del__(self):
        print("gone in a cycle")


loud = Loud()
loud.itself = loud
print("end")
