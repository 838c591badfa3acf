import sys
import traceback


def work():
    frame = sys._getframe()
    names = []
    while frame:
        names.append((frame.f_code.co_name, frame.f_lineno))
        frame = frame.f_back
    return names


print(work())
print([entry.line for entry in traceback.extract_stack()])
