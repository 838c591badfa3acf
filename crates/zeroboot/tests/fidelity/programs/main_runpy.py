import runpy

if __name__ == "__main__":
    found = runpy.run_path(__file__, run_name="again")
    print(sorted(name for name in found if not name.startswith("__")))
else:
    print("as", __name__)
