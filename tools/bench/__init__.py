"""Benchmarks: each module measures one package against its peers, interleaved, and prints ratios."""
