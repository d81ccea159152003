"""A bundle as code that an app takes in: one file per language. What they share stands in the other files here."""
