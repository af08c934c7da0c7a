"""The only SQL in the project, and the only address of sqlalchemy and the database drivers.

`engine.Database` runs a work (a plain function over one `Tx`) in a transaction; `Tx` gives it groups of
statements, one module each, one method a statement. `tables` is the schema, `migrate` brings a database to it.
"""
