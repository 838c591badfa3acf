class Wait:
    def __await__(self):
        yield 1


async def work():
    try:
        await Wait()
    finally:
        print("finally of the coroutine")


suspended = work()
suspended.send(None)
print("end")
