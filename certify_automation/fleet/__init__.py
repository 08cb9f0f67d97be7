"""Many hosts: how many at once, when to stop starting further ones, and what became of each."""
