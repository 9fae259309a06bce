"""What a hospital export holds: its files in numbers, tables to train and predict from, and nobody's name.

`echocare_core.inspect_export` takes it. Nothing is imported here: processes that read files load what they need.
"""
