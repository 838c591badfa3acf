with open("helper_module.py", "w") as file:
    file.write("def work():\n    raise ValueError('in the helper')\n")

import helper_module

helper_module.work()
