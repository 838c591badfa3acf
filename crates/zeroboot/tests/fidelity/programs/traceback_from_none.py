try:
    {}["x"]
except KeyError:
    raise ValueError("alone") from None
