"""Rows and Delta tables: what a warehouse reads."""
