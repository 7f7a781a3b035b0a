"""Programs that teach: what the frameworks do differently, and how to see it."""
