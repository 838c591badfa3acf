# long: yes
import types

module = types.ModuleType("made", "words")
print(module, module.__doc__, types.SimpleNamespace(a=1), type(lambda: 0).__name__)
print(types.FunctionType((lambda: 3).__code__, {})(), types.MappingProxyType({"a": 1}))
