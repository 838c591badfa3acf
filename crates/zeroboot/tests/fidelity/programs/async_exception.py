import asyncio


async def work():
    raise ValueError("in a task")


async def main():
    await asyncio.create_task(work())


asyncio.run(main())
