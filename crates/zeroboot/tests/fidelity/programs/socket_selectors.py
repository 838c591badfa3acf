import os
import select
import selectors

reader, writer = os.pipe()
with selectors.DefaultSelector() as selector:
    selector.register(reader, selectors.EVENT_READ, "data")
    print(selector.select(0), type(selector).__name__)
    os.write(writer, b"x")
    print([(key.data, events) for key, events in selector.select(1)])
poll = select.poll()
poll.register(reader, select.POLLIN)
print([events for _, events in poll.poll(1)])
