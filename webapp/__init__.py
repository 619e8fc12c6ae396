"""Who asks, who sees, what is kept? People, pages, records and messages."""

from pathlib import Path

from webapp.config import place_kernel_cache

place_kernel_cache(Path(__file__).resolve().parent.parent / "matching")  # before anything imports Numba
