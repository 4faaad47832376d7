"""The AWS and HTTP glue: nothing here knows what a reading is."""
