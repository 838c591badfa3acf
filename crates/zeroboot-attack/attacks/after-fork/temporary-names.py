# Compares the names of temporary files of two siblings.
# part: both
for number in range(3):
    mark("name", next(tempfile._get_candidate_names()))
# part: attacker
held("every value differs")
