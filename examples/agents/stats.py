"""Statistics over a CSV file: mean, median and spread of the orders of each region."""

import csv
import io
import random
import statistics


def orders(count):
    """The text of a CSV file with `count` orders, the same each time."""
    chance = random.Random(7)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["region", "amount"])
    for _ in range(count):
        region = chance.choice(["north", "east", "south", "west"])
        table.writerow([region, round(chance.lognormvariate(4, 0.5), 2)])
    return text.getvalue()


def by_region(text):
    amounts = {}
    for row in csv.DictReader(io.StringIO(text)):
        amounts.setdefault(row["region"], []).append(float(row["amount"]))
    return amounts


print(f"{'region':8}{'orders':>8}{'mean':>10}{'median':>10}{'stdev':>10}")
for region, amounts in sorted(by_region(orders(2000)).items()):
    print(
        f"{region:8}{len(amounts):8}"
        f"{statistics.mean(amounts):10.2f}"
        f"{statistics.median(amounts):10.2f}"
        f"{statistics.stdev(amounts):10.2f}"
    )
