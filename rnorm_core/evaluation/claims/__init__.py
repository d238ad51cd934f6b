"""The claims of the paper, judged from measurements."""
