text = "größe" größe 3
