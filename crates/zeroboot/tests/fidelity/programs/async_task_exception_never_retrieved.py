import asyncio


async def work():
    raise ValueError("nobody asks")


async def main():
    asyncio.create_task(work(), name="lonely")
    await asyncio.sleep(0)
    await asyncio.sleep(0)


asyncio.run(main())
