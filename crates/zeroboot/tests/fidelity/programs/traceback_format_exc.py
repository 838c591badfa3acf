import traceback

try:
    int("x")
except ValueError:
    text = traceback.format_exc()
print(text)
print(traceback.format_exception_only(ValueError, ValueError("x")))
