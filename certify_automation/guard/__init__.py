"""What certification authorities let a fleet request: their limits, what counts against them, and what must wait."""
