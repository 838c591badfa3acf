# long: yes
import collections
import heapq
import itertools

print(collections.Counter("abracadabra").most_common(2), collections.OrderedDict(a=1), collections.deque([1, 2], 2))
print(list(itertools.permutations("ab")), heapq.nsmallest(2, [3, 1, 2]), collections.ChainMap({"a": 1}))
Point = collections.namedtuple("Point", "x y")
print(Point(1, 2), Point._fields, Point.__module__)
