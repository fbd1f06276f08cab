"""From one library's tensors to another's, by a substitution that is found and proved."""
