# Has all that waits for the disk below the tree written at once, its neighbours' too.
with refused():
    call("syncfs", os.open(os.__file__, os.O_RDONLY))
    through("the disk is busy with everybody's files")
