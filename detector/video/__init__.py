"""Live video: sources, tracking, calm results and what is made of them."""
