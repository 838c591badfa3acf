# Compares secret tokens and identifiers of two siblings.
# part: both
import secrets
import uuid

mark("token", secrets.token_hex(16))
mark("uuid4", uuid.uuid4())
mark("uuid1", uuid.uuid1())
# part: attacker
held("every value differs")
