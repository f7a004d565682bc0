"""Training, export, the torch-free runtime, prediction."""
