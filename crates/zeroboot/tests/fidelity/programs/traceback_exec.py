code = """
def work():
    return 1 / 0

work()
"""
exec(compile(code, "<made up>", "exec"))
