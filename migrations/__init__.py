"""The history of the database schema; see README.md."""
