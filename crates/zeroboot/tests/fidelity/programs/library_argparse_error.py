# long: yes
# argv: ["--count", "x"]
import argparse

parser = argparse.ArgumentParser(description="A program.")
parser.add_argument("--count", type=int, help="how many")
parser.parse_args()
