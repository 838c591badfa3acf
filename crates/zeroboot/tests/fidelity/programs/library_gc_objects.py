import gc


class Mine:
    pass


mine = [Mine() for _ in range(3)]
print(sum(isinstance(each, Mine) for each in gc.get_objects()))
