import weakref


class Thing:
    pass


one, two = Thing(), Thing()
weakref.finalize(one, print, "finalized one")
weakref.finalize(two, print, "finalized two")
quiet = weakref.finalize(one, print, "not at the end")
quiet.atexit = False
del two
print("end")
