import sqlite3

connection = sqlite3.connect("data.db")
connection.execute("create table t (id integer primary key, name text, value real)")
with connection:
    connection.executemany("insert into t (name, value) values (?, ?)", [("a", 1.5), ("b", None)])
try:
    with connection:
        connection.execute("insert into t (id) values (1)")
except sqlite3.IntegrityError as error:
    print(error)
print(connection.execute("select * from t order by id").fetchall())
connection.execute("pragma journal_mode=wal")
other = sqlite3.connect("data.db")
print(other.execute("select count(*) from t").fetchone())
