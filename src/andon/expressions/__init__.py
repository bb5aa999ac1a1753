"""One typed expression tree with two compilers, a frame and a row, that give equal bits."""
