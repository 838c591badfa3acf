class Bad(Exception):
    def __str__(self):
        raise RuntimeError("no words")


raise Bad("x")
