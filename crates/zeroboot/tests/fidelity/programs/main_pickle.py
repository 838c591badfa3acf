import pickle
from dataclasses import dataclass


@dataclass
class Point:
    x: int
    y: int


data = pickle.dumps(Point(1, 2), protocol=4)
print(data)
print(pickle.loads(data))
try:
    pickle.dumps(lambda: 1)
except Exception as error:
    print(type(error).__name__)
