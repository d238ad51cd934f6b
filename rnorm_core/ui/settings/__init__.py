"""The settings that all pages share: the bar above the page and the controls behind it."""
