import io
import sys

text = io.TextIOWrapper(sys.stdout.buffer, encoding="latin-1", write_through=False)
text.write("caf\u00e9\n")
