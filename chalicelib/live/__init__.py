"""Live streams: one reader before many, and the gifts that they are sent."""
