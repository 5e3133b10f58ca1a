"""The command-line tool: publish pipelines, drop data, follow runs, on AWS or on this machine."""
