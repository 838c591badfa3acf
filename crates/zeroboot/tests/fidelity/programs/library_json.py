# long: yes
import json

print(json.dumps({"b": [1, 2.5, None, True], "a": "h\u00e4\ud800"}, sort_keys=True))
print(json.loads('{"x": 1e400, "y": -0.0, "z": NaN}'))
try:
    json.loads('{"a": 1,}')
except json.JSONDecodeError as error:
    print(error)
