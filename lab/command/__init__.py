"""What `python -m lab` does, a module each: up, status, shell, down; and the process that holds a lab meanwhile."""
