"""What readers earn and how it reaches them."""
