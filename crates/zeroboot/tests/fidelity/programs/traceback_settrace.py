import sys

lines = []


def tracer(frame, event, argument):
    lines.append((frame.f_code.co_name, event, frame.f_lineno))
    return tracer


def work(n):
    total = 0
    for each in range(n):
        total += each
    return total


sys.settrace(tracer)
work(2)
sys.settrace(None)
print(lines)
