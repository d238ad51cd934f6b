"""One attacked image under two networks: parts of the pages Start and Craft an attack."""
