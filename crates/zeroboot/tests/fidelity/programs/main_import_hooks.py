import importlib.abc
import importlib.machinery
import sys


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name == "made_up":
            return importlib.machinery.ModuleSpec(name, self)

    def exec_module(self, module):
        module.value = 42


sys.meta_path.insert(0, Finder())
import made_up

print(made_up.value, made_up.__spec__.name)
