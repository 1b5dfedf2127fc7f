"""`python -m posei_ib_sim` is the command `posei-ib-sim`."""

from posei_ib_sim.cli import run

if __name__ == "__main__":
    run()
