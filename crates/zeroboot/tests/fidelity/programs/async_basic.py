import asyncio


async def work(n):
    await asyncio.sleep(0.01 * (3 - n))
    return n


async def main():
    print(await asyncio.gather(*(work(n) for n in range(3))))
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.01)
    except asyncio.TimeoutError as error:
        print(type(error).__name__)


asyncio.run(main())
