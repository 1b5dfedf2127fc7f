"""`posei gateway`: the dockerized IB Gateway from the command line."""
