import gc

events = []
gc.callbacks.append(lambda phase, about: events.append((phase, about["generation"])))
gc.collect(0)
gc.callbacks.pop()
print(events, gc.get_freeze_count() >= 0)
