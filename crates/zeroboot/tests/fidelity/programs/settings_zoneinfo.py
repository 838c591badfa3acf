import datetime
import zoneinfo

for name in ("Europe/Berlin", "Asia/Kolkata", "UTC"):
    print(datetime.datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo(name)).isoformat())
try:
    zoneinfo.ZoneInfo("No/Where")
except Exception as error:
    print(type(error).__name__, error)
