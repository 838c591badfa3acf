import traceback


def work():
    traceback.print_stack()


class Thing:
    def method(self):
        work()


Thing().method()
