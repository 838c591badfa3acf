import datetime
import os
import time

print(time.tzname, time.timezone)
os.environ["TZ"] = "America/New_York"
time.tzset()
print(time.tzname, time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(0)))
print(datetime.datetime.fromtimestamp(1700000000).astimezone().isoformat())
