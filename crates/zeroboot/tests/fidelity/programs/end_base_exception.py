class Own(BaseException):
    """Not an Exception."""


raise Own("of its own")
