# needs: python 3.11
import asyncio


async def work(n):
    if n == 1:
        raise ValueError(n)
    await asyncio.sleep(5)


async def main():
    try:
        async with asyncio.TaskGroup() as group:
            for n in range(3):
                group.create_task(work(n))
    except* ValueError as errors:
        print(errors.exceptions)


asyncio.run(main())
