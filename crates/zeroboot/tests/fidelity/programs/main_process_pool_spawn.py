import concurrent.futures
import multiprocessing


def fail(n):
    raise ValueError(n)


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            pool.submit(fail, 3).result()
        except ValueError as error:
            print("raised", error)
