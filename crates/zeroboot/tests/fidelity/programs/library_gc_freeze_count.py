# policy: a template's objects are frozen, so that a collection in a sandbox does not copy them
# inside: stdout "True\n"
import gc

print(gc.get_freeze_count() > 0)
