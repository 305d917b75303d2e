"""What people run: one file for each sub-command of `riverpost`."""
