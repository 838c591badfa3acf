import importlib

print("name", __name__)
if __name__ == "__main__":
    itself = importlib.import_module("main_import_itself")
    print(itself.__name__, itself.__file__ == __file__)
