"""Run the ``posei`` program as ``python -m posei_trader``."""

from posei_trader.cli.main import run

if __name__ == "__main__":
    run()
