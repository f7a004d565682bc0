"""Speed, measured beside others' on the same machine and in the same run."""
