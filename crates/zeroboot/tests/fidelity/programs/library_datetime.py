# long: yes
import calendar
import datetime
import time

moment = datetime.datetime(2024, 2, 29, 23, 59, 59, 999999, datetime.timezone.utc)
print(moment, moment.isoformat(), moment + datetime.timedelta(days=366), moment.strftime("%A %j %U %c %x %X"))
print(calendar.month(2024, 2), time.gmtime(0), datetime.datetime.fromtimestamp(0))
