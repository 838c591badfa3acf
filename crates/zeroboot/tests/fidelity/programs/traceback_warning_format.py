import warnings

warnings.formatwarning = lambda message, category, file, line, text=None: f"{category.__name__} {line}: {message}\n"
warnings.warn("formatted")
