"""A ledger in an SQLite database in memory: transfers are atomic, and the sum never changes."""

import sqlite3


def transfer(ledger, source, target, amount):
    """Moves `amount`, or nothing at all when `source` has too little."""
    with ledger:
        move = "UPDATE account SET balance = balance + ? WHERE name = ?"
        ledger.execute(move, (amount, target))
        ledger.execute(move, (-amount, source))


ledger = sqlite3.connect(":memory:")
ledger.execute("CREATE TABLE account (name TEXT PRIMARY KEY, balance INTEGER CHECK (balance >= 0))")
ledger.executemany("INSERT INTO account VALUES (?, ?)", [("ada", 100), ("bob", 50), ("eve", 0)])
ledger.commit()

for source, target, amount in [("ada", "eve", 30), ("bob", "ada", 80), ("eve", "bob", 10)]:
    try:
        transfer(ledger, source, target, amount)
        print(f"{source} -> {target}: {amount}")
    except sqlite3.IntegrityError:
        print(f"{source} -> {target}: {amount} refused")

for name, balance in ledger.execute("SELECT name, balance FROM account ORDER BY name"):
    print(f"{name:5}{balance:5}")
print("sum  {:5}".format(*ledger.execute("SELECT sum(balance) FROM account").fetchone()))
