# needs: pandas
import pandas

times = pandas.date_range("2024-03-30", periods=3, freq="D", tz="Europe/Berlin")
print(times, pandas.Series(range(3), index=times).resample("2D").sum(), sep="\n")
