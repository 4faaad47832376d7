"""What the product runs on: the resources beside the functions, and a local counterpart of each."""
