import sqlite3

one = sqlite3.connect("data.db", isolation_level=None)
one.execute("create table t (x)")
one.execute("begin exclusive")
two = sqlite3.connect("data.db", timeout=0)
try:
    two.execute("insert into t values (1)")
except sqlite3.OperationalError as error:
    print(error)
