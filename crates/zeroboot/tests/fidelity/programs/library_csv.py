# long: yes
# files: yes
import csv

with open("a.csv", "w", newline="") as file:
    writer = csv.DictWriter(file, ["a", "b"])
    writer.writeheader()
    writer.writerow({"a": 'x"y', "b": "line\nbreak"})
with open("a.csv", newline="") as file:
    print(list(csv.DictReader(file)))
