"""Long work: rows that say what was asked and how far it is, and a worker that does it in child processes."""
