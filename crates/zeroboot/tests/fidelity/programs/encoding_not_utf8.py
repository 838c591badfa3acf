print("first")
print("hä")
