import asyncio
import logging
import sys

logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")


async def main():
    print(asyncio.get_running_loop().get_debug())


asyncio.run(main(), debug=True)
