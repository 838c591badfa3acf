# -*- coding: latin-1 -*-
print(ascii("hä"), "hä")
raise ValueError("hä")
