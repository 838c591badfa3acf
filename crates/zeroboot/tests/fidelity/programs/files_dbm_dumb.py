# files: yes
import dbm.dumb

with dbm.dumb.open("store", "c") as store:
    store["a"] = b"1"
    store["b"] = b"2"
    print(sorted(store.keys()))
