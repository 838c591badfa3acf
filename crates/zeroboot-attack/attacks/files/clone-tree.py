# Takes a copy of all mounts with open_tree.
OPEN_TREE_CLONE, AT_RECURSIVE = 1, 0x8000
with refused():
    call("open_tree", -100, b"/", OPEN_TREE_CLONE | AT_RECURSIVE)
    through("a detached copy of the tree")
