"""The history: runs, models, observations, declarations, verdicts. The only modules that know the database."""
