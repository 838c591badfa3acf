# needs: pandas
# files: yes
import pandas

frame = pandas.DataFrame({"group": ["a", "b", "a"], "value": [1, 2, 3]})
print(frame.groupby("group").value.sum(), frame.describe(), sep="\n")
frame.to_csv("frame.csv", index=False)
print(pandas.read_csv("frame.csv").dtypes)
