# stdin: "{\"a\": 1}\n{\"b\": [1, 2]}\n"
import json
import sys

for line in sys.stdin:
    print(json.dumps(json.loads(line), indent=1))
