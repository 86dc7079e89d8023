"""What the files of a model say, read without loading it: configuration, weights and tokenizer."""
