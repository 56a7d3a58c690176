"""Training: labelled examples, training runs, fine-tuning, comparison of architectures."""
