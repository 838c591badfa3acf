value = 3 +* 4
