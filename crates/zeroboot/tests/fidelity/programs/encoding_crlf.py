import sys
text = """a
b"""
print(ascii(text))
raise ValueError("line 4")
