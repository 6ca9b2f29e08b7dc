"""Reports of the last cycle: one file for people to read and print, and the same content for programs."""
