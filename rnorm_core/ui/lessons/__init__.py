"""The page of lessons: the list, and one step at a time."""
