import io
import locale

with open("x.txt", "w") as file:
    print(file.encoding.lower(), file.errors, file.newlines)
print(locale.getpreferredencoding(False).lower())
print(io.text_encoding(None))
