"""What belongs to no single context: health, the API's own description, the promises, the clock's dispatch."""
