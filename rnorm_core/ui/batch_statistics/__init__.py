"""The room of the page about batch statistics."""
