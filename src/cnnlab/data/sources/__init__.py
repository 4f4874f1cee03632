"""Where images come from: one file per source, and how published files are found and fetched."""
