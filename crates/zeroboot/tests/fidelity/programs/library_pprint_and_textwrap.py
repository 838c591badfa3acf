# long: yes
import pprint
import textwrap

pprint.pprint({"key": list(range(30)), "other": {"nested": "x" * 60}})
print(textwrap.fill("words and more words " * 8, 40))
