"""What the world knows of weaknesses: feeds are read, kept with source and date, and asked as of a day."""
