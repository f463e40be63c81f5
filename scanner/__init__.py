"""The job: list, count, read restrictions, decide, store, report. Composes estimators, notifiers and config."""
