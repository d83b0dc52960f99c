"""The record of truth: tables, and statements as plain functions of a connection.

`Database` runs such functions: in one writer with group commit on SQLite, in a pool on PostgreSQL. A function must
be repeatable: when another function of its group fails, it is rolled back and run again alone.
"""
