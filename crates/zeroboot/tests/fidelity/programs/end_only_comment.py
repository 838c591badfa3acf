# Nothing else.
