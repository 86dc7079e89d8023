"""What a checkpoint captures of the outside: arguments, environment, hardware, software."""
