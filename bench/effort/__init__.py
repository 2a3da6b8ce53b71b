"""What labelling costs: simulated annotators play reviews by Winnow's ranking, and by others beside it."""
