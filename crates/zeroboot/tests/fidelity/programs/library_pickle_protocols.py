# long: yes
import pickle

for protocol in range(6):
    print(protocol, pickle.dumps({"a": [1, 2.5, "x", None]}, protocol).hex())
