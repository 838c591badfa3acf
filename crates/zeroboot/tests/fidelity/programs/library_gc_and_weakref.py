import gc
import sys
import weakref


class Node:
    pass


node = Node()
node.itself = node
reference = weakref.ref(node)
print(sys.getrefcount(node) >= 2, gc.isenabled(), gc.get_threshold())
del node
print(gc.collect() > 0, reference(), gc.garbage, gc.get_debug())
print(weakref.WeakValueDictionary(), gc.is_tracked([]), gc.is_tracked(1))
