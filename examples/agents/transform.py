"""Turns a nested JSON document of events into a flat summary for each user."""

import json

EVENTS = """
[
  {"user": {"name": "ada", "team": "blue"}, "type": "login", "seconds": 0},
  {"user": {"name": "ada", "team": "blue"}, "type": "query", "seconds": 2.5},
  {"user": {"name": "bob", "team": "red"}, "type": "login", "seconds": 0},
  {"user": {"name": "ada", "team": "blue"}, "type": "query", "seconds": 1.25},
  {"user": {"name": "bob", "team": "red"}, "type": "export", "seconds": 9}
]
"""


def summarise(events):
    users = {}
    for event in events:
        name = event["user"]["name"]
        user = users.setdefault(name, {"team": event["user"]["team"], "events": {}, "seconds": 0})
        user["events"][event["type"]] = user["events"].get(event["type"], 0) + 1
        user["seconds"] += event["seconds"]
    return users


print(json.dumps(summarise(json.loads(EVENTS)), indent=2, sort_keys=True))
