import multiprocessing


def work():
    raise ValueError("in the child")


if __name__ == "__main__":
    process = multiprocessing.get_context("fork").Process(target=work, name="worker")
    process.start()
    process.join()
    print(process.exitcode)
