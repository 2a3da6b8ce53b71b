"""Maps: vectors laid out on a plane or in space, so that people see what an encoder takes for alike."""
