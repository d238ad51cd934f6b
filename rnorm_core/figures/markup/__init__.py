"""Pictures as HTML or SVG, without a chart library: they appear as early as the title of their page."""
