"""Many annotators at once, over HTTP, beside a reindex: what they wait, and that nothing is shown twice or lost."""
