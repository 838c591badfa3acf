raise ValueError("lone \ud800")
