"""What a GPU says: the libraries on it, asked directly."""
