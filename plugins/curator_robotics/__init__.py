"""Measures for robotics footage: hands, work on a table, and what a picture is of."""
