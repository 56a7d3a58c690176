"""The command line: options, help texts, and the one place where errors become messages and exit codes."""
