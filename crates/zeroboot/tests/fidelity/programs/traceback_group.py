# needs: python 3.11
def work():
    errors = []
    for each in (ValueError("a"), TypeError("b")):
        try:
            raise each
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("both", errors + [ExceptionGroup("nested", [OSError(2, "no")])])


try:
    work()
except* ValueError as group:
    print("handled", group.exceptions)
