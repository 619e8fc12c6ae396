"""What the engine is measured by; nothing here is timed inside the tests.

python -m benchmarks.empty_seats   one day of runs with free seats, online and re-planned, with peers beside
python -m benchmarks.darp          the dial-a-ride instances of Cordeau (2006), against proven optima
python -m benchmarks.matrix        roads: preparing, tables, paths and memory, beside scipy, igraph and OSRM
python -m benchmarks.performance   all of it, one process after another, written to docs/performance.md
"""
