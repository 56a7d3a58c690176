"""Models trained and judged side by side over the same folds. Must not know the stream that filters."""
