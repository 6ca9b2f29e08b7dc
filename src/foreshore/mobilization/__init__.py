"""Stage 5, mobilization: few actions that teams can do, a plan, and tickets that an engineer can work from."""
