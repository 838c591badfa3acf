# long: yes
import importlib
import sys

for name in ("asyncio", "ctypes", "curses", "decimal", "email", "http.client", "lzma", "multiprocessing", "sqlite3", "ssl", "tkinter", "unittest", "urllib.request", "xml.sax", "zoneinfo"):
    try:
        importlib.import_module(name)
        print(name, "imported")
    except ImportError as error:
        print(name, error)
