import unittest


class Cases(unittest.TestCase):
    def test_passes(self):
        self.assertEqual(1, 1)

    @unittest.skip("not today")
    def test_skipped(self):
        pass


class Quiet(unittest.TextTestResult):
    pass


unittest.main(argv=["prog", "-v"], exit=False, testRunner=lambda **about: unittest.TextTestRunner(stream=open("log.txt", "w"), verbosity=2))
print(open("log.txt").read().split("Ran")[0])
