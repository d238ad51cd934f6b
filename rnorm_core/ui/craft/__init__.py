"""The page "Craft an attack": controls, results, sentences, files."""
