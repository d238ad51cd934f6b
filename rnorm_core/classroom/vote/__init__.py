"""The class vote: rooms, questions and answers in a database (`store`), and the pages that phones open (`phones`)."""
