# long: yes
print({3, 1, 2, 100, -1}, list({8, 0, 16}), frozenset([5, 4]))
