from json import missing_name
