import sys

events = []
sys.addaudithook(lambda event, arguments: events.append(event) if event.startswith(("open", "own")) else None)
open(__file__).close()
sys.audit("own.event", 1)
print(events)
