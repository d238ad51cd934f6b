"""The stage: how a page looks to a class. A link can show it as the presenter's view, and lock its settings."""
