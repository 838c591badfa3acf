import csv
import os

file = os.fdopen(os.dup(1), "w", newline="")
writer = csv.writer(file)
writer.writerow(["a", "b,c", 'd"e'])
writer.writerow([1, None, 2.5])
