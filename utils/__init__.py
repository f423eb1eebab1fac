"""What the entry scripts share: flags, data, training, results, pictures."""
