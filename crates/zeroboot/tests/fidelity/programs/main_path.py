import os
import sys

print(sys.path[0], os.getcwd(), os.path.dirname(os.path.abspath(__file__)) == os.getcwd())
