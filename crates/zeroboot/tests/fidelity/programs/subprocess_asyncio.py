import asyncio


async def main():
    child = await asyncio.create_subprocess_shell("cat; exit 4", stdin=-1, stdout=-1)
    print(await child.communicate(b"hello"), child.returncode)


asyncio.run(main())
