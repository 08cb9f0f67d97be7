"""A Windows fleet to practise on: simulated hosts behind a real WinRM endpoint, on loopback addresses only."""
