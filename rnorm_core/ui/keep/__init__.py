"""Keep this: what a page shows, as one file to take home."""
