"""The page "Start": one image, one attack, two networks."""
