"""The page with the two phones."""
