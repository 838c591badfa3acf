# needs: pandas
import pandas

pandas.DataFrame({"a": [1]})["missing"]
