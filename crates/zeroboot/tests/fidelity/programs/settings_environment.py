import os

print(sorted(os.environ))
os.environ["OWN"] = "value"
print(os.getenv("OWN"), os.environb[b"OWN"])
del os.environ["OWN"]
print(os.getenv("OWN"), os.environ.get("LANG"))
