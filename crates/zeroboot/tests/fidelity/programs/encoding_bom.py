print("with a mark", ascii(open(__file__, "rb").read(3)))
