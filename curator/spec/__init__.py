"""Recipes as types: what a user may write, checked before anything runs."""
