import contextlib
import io

print("before")
buffer = io.StringIO()
redirect = contextlib.redirect_stdout(buffer)
redirect.__enter__()
print("into the buffer")
