// Comes with the merge.
