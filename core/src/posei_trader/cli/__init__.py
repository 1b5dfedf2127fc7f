"""The ``posei`` program. Nothing is imported here: each command is imported when it is used."""
