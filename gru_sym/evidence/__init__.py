"""What machines have said: recorded evidence, checked and shown. Nothing in it imports torch."""
