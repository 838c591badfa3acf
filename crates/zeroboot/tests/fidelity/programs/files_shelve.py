import shelve

with shelve.open("shelf") as shelf:
    shelf["key"] = {"nested": [1, 2]}
with shelve.open("shelf", "r") as shelf:
    print(dict(shelf))
