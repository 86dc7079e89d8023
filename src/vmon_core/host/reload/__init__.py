"""Put a new version of a plugin in the place of the old one while a monitor runs."""
