"""``python -m mle_star`` is ``mle-star``."""

from mle_star.cli import main

if __name__ == "__main__":
    main()
