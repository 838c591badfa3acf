import sys

calls = []
sys.setprofile(lambda frame, event, argument: calls.append((event, frame.f_code.co_name)))


def work():
    return len("abc")


work()
sys.setprofile(None)
print(calls)
