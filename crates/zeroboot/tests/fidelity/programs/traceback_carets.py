data = {"a": {"b": [1, 2]}}


def work():
    return data["a"]["b"][0] + data["a"]["c"][1] * (3 +
        4)


work()
