"""Benchmarks, with others who do the same measured in the same run; `python -m bench`, read bench/README.md."""
