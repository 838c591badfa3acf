# long: yes
# argv: ["-h"]
import argparse

parser = argparse.ArgumentParser(description="A program with a long description that has to be wrapped " * 2)
parser.add_argument("name", nargs="+")
parser.add_argument("--verbose", action="store_true", help="say more")
parser.parse_args()
