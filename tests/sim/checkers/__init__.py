"""What each kind of thing promises, held against what clients saw of it."""
