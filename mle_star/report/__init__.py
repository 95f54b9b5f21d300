"""What a run came to: read from its folder, put into words, and written as a page."""
