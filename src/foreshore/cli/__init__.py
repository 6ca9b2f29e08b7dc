"""The command line: translates words to library calls and answers to text or JSON; it never decides."""
