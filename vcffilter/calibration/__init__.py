"""From a network's output to probabilities and cuts. maps and operating_points: numpy alone; what fits checkpoints knows more."""
