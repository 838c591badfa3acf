import random
import secrets
import uuid

print(random.random() != random.random(), len(secrets.token_hex(8)), uuid.uuid4() != uuid.uuid4())
print(uuid.uuid5(uuid.NAMESPACE_DNS, "example.org"))
