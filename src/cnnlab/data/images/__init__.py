"""Single pictures: decoding files, resizing, and bringing a digit to the form of the digit sets."""
