"""Running a plan: workers, facts, failures."""
